// SPDX-License-Identifier: Apache-2.0
// What stands before the payload of a packet that goes on where the one before it ended: nearly all
// packets of a heap of many. To compare costs a fraction of decoding; and since nothing of what follows,
// where the payload goes and where the next packet is, has to be read from the packet first, the
// processor need not wait for its header either.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <spead2/wire/packet.h>
#include <spead2/wire/protocol.h>

#include "wire/byte_order.h"

namespace spead2::recv {

class next_packet {
public:
    /// Expect none.
    void clear() noexcept { size_ = 0; }

    /// Expect one after \a p, which has come, of the same size. Behind the first packet of a heap
    /// without items; later with the same ones.
    /// \param left  bytes of payload that are missing after \a p, at least 1
    void set(const packet_view& p, std::uint64_t left) noexcept {
        const std::size_t n = p.payload_offset == 0 ? n_control : p.n_pointers;
        clear();
        if (p.first_item != n_control || n > max_pointers || p.payload_length == 0 ||
            (n != n_control && !p.ordinary))
            return;
        n_words_ = 1 + n;
        for (std::size_t i = 0; i < 1 + n_control; ++i) words_[i] = word_of(p.bytes, i);
        for (std::size_t i = 1 + n_control; i < n_words_; ++i) words_[i] = word_of(p.bytes, i);
        if (n != p.n_pointers) add(0, n - p.n_pointers);
        add(offset_word, p.payload_length);
        length_ = static_cast<std::size_t>(p.payload_length);
        size_ = head() + length_;
        set_length(std::min<std::uint64_t>(left, p.size() - head()));
    }
    /// It has come: expect another one.
    void advance() noexcept { add(offset_word, length_); }
    /// It will have less payload than the one before.
    void shorten(std::uint64_t length) noexcept { set_length(length); }

    /// Bytes of the packet; 0 if none is expected.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Bytes before its payload.
    [[nodiscard]] std::size_t head() const noexcept { return n_words_ * sizeof words_[0]; }
    /// Bytes of its payload.
    [[nodiscard]] std::size_t length() const noexcept { return length_; }
    /// Whether this is it. \param bytes  at least size() of them
    [[nodiscard]] bool is(const std::uint8_t* bytes) const noexcept {
        std::uint64_t difference = 0;
        for (std::size_t i = 0; i < 1 + n_control; ++i) difference |= differs(bytes, i);
        for (std::size_t i = 1 + n_control; i < n_words_; ++i) difference |= differs(bytes, i);
        return difference == 0;
    }

private:
    static constexpr std::size_t n_control = 4;  ///< heap cnt and length, payload offset and length
    static constexpr std::size_t max_pointers = 16;
    static constexpr std::size_t offset_word = 3;
    static constexpr std::size_t length_word = 4;

    void set_length(std::uint64_t length) noexcept {
        if (length == length_) return;
        add(length_word, length - length_);
        length_ = static_cast<std::size_t>(length);
        size_ = head() + length_;
    }
    void add(std::size_t word, std::uint64_t number) noexcept {
        words_[word] = wire::to_big_endian(wire::to_big_endian(words_[word]) + number);
    }
    [[nodiscard]] static std::uint64_t word_of(const std::uint8_t* bytes, std::size_t i) noexcept {
        std::uint64_t found;
        std::memcpy(&found, bytes + i * sizeof found, sizeof found);
        return found;
    }
    [[nodiscard]] std::uint64_t differs(const std::uint8_t* bytes, std::size_t i) const noexcept {
        return word_of(bytes, i) ^ words_[i];
    }

    std::uint64_t words_[1 + max_pointers] = {};  ///< header and pointers, in network order
    std::size_t n_words_ = 0;
    std::size_t length_ = 0;
    std::size_t size_ = 0;
};

}  // namespace spead2::recv
