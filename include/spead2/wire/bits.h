// SPDX-License-Identifier: Apache-2.0
// Fields one after another without gaps, most significant bit first: reading and writing. What the
// bits of a field mean is number.h's part.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <spead2/wire/number.h>

namespace spead2 {

/// The number that \a bytes (at most 8) stand for, most significant first.
[[nodiscard]] inline std::uint64_t big_endian_number(const std::uint8_t* data,
                                                     std::size_t bytes) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | data[i];
    return value;
}

/// Reads fields. It does not look where the memory ends, except to read no byte beyond: the caller
/// asks left() first.
class bit_reader {
public:
    bit_reader(const std::uint8_t* data, std::size_t bytes) noexcept : data_(data), bytes_(bytes) {}

    /// Bits that are not read yet.
    [[nodiscard]] std::uint64_t left() const noexcept {
        return std::uint64_t{bytes_} * 8 - position_;
    }
    void skip(std::uint64_t bits) noexcept { position_ += bits; }

    /// The next \a bits: 1 to 64, and at most left().
    [[nodiscard]] std::uint64_t get(unsigned bits) noexcept {
        const std::size_t at = position_ / 8;
        const auto shift = static_cast<unsigned>(position_ % 8);
        position_ += bits;
        if (bytes_ - at >= 9) [[likely]] {
            std::uint64_t value = 0;
            std::memcpy(&value, data_ + at, 8);
            if constexpr (std::endian::native == std::endian::little)
                value = __builtin_bswap64(value);
            return (value << shift | data_[at + 8] >> (8 - shift)) >> (64 - bits);
        }
        const unsigned last = (shift + bits + 7) / 8;  // bytes that the field touches, up to 9
        std::uint64_t value = data_[at] & (0xFFU >> shift);
        if (last == 1) return value >> (8 - shift - bits);
        for (unsigned i = 1; i + 1 < last; ++i) value = value << 8 | data_[at + i];
        const unsigned in_last = shift + bits - 8 * (last - 1);  // 1 to 8
        return value << in_last | data_[at + last - 1] >> (8 - in_last);
    }

    /// The next \a bits, of which there may be any number up to left(), into (bits + 7) / 8 bytes
    /// with zeros in front.
    void get_bytes(std::uint64_t bits, std::uint8_t* out) noexcept {
        if (bits % 8 != 0) *out++ = static_cast<std::uint8_t>(get(static_cast<unsigned>(bits % 8)));
        for (std::uint64_t i = 0; i < bits / 8; ++i) *out++ = static_cast<std::uint8_t>(get(8));
    }

private:
    const std::uint8_t* data_;
    std::size_t bytes_;
    std::uint64_t position_ = 0;  // bits
};

/// Writes fields into memory that is large enough: (bits + 7) / 8 bytes in all.
class bit_writer {
public:
    explicit bit_writer(std::uint8_t* out) noexcept : out_(out) {}

    /// \param value  bits above the low \a bits (1 to 64) are 0
    void put(std::uint64_t value, unsigned bits) noexcept {
        pending_ = pending_ << bits | value;
        for (n_pending_ += bits; n_pending_ >= 8; n_pending_ -= 8)
            *out_++ = static_cast<std::uint8_t>(pending_ >> (n_pending_ - 8));
    }

    /// The low \a bits, of which there may be any number, of a big-endian number of
    /// (bits + 7) / 8 bytes.
    void put_bytes(const std::uint8_t* data, std::uint64_t bits) noexcept {
        const auto first = static_cast<unsigned>(bits % 8);
        if (first != 0) put(*data++ & (0xFFU >> (8 - first)), first);
        for (std::uint64_t i = 0; i < bits / 8; ++i) put(*data++, 8);
    }

    /// Write what is left, with zeros behind it. \return where the memory ends
    std::uint8_t* finish() noexcept {
        if (n_pending_ != 0) *out_++ = static_cast<std::uint8_t>(pending_ << (8 - n_pending_));
        n_pending_ = 0;
        return out_;
    }

private:
    __extension__ using wide = unsigned __int128;
    std::uint8_t* out_;
    wide pending_ = 0;
    unsigned n_pending_ = 0;  // bits that are not written yet, less than 8 between calls
};

}  // namespace spead2
