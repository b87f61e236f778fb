// SPDX-License-Identifier: Apache-2.0
// Cuts one heap into packets, one after another, without allocating. Heaps that need only one packet
// are only_packet_writer's.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <spead2/send/heap.h>

#include "packet_batch.h"

namespace spead2::send {

namespace detail {
struct extent_cursor;
class form_packetiser;
}  // namespace detail

/// The packets of one heap that are still to be made.
///
/// Rules (protocol document and wire-format of the reference receiver): the packet size is rounded
/// down to a multiple of 8; at most (size - 48) / 8 of the heap's item pointers go in a packet;
/// with n / that + 1 packets for n pointers, each gets at least 8 bytes of payload and the last at
/// least one, zero bytes making up what is missing (announced by a NULL item pointer).
class packetiser {
public:
    packetiser() noexcept;
    packetiser(packetiser&&) noexcept;
    packetiser& operator=(packetiser&&) noexcept;
    ~packetiser();
    /// \param contents         of the heap; kept
    /// \param cnt              heap cnt; only the low heap_address_bits bits are sent
    /// \param max_packet_size  bytes, at least min_packet_size
    /// \throw std::invalid_argument if the size is too small, or repeated pointers do not fit
    packetiser(std::shared_ptr<const heap_contents> contents, std::uint64_t cnt,
               std::size_t max_packet_size);

    /// Change the cnt of the packets that are still to be made.
    void set_cnt(std::uint64_t cnt) noexcept;

    [[nodiscard]] bool done() const noexcept { return done_; }
    /// Bytes of the next packet. Only while not done().
    [[nodiscard]] std::size_t next_size() const noexcept;
    /// Make the next packet. Only while not done() and batch.has_room().
    /// \return its size in bytes
    std::size_t next(packet_batch& batch, std::uint32_t substream) noexcept;

    /// Packets of one size.
    struct run {
        std::uint32_t count;
        std::uint32_t size;  ///< bytes of each
    };
    /// Make at least one and at most \a max_count packets, all of one size, as far as that is
    /// cheaper than one after another. Only while not done() and batch.has_room().
    run next_run(packet_batch& batch, std::uint32_t substream, std::size_t max_count) noexcept;

    /// Bytes of payload with padding; of a part, those of the whole heap.
    [[nodiscard]] std::uint64_t heap_length() const noexcept { return heap_length_; }
    [[nodiscard]] const heap_contents* contents() const noexcept { return contents_.get(); }

private:
    [[nodiscard]] std::size_t next_pointers() const noexcept;
    [[nodiscard]] bool in_bulk() const noexcept;
    void write_pointers(std::uint8_t* out, std::size_t n) noexcept;
    detail::extent_cursor append_payload(detail::extent_cursor out, std::size_t payload) noexcept;
    void write_run(const packet_batch::run& out, std::size_t count, std::uint32_t substream,
                   bool copied) noexcept;

    std::shared_ptr<const heap_contents> contents_;
    std::uint64_t cnt_pointer_ = 0;     ///< in network order
    std::uint64_t heap_length_ = 0;     ///< payload with padding
    std::uint64_t payload_offset_ = 0;  ///< of the next packet
    std::size_t packet_size_ = 0;       ///< rounded down to a multiple of 8
    std::size_t max_pointers_ = 0;
    std::size_t n_pointers_ = 0;  ///< with the NULL pointer
    std::size_t next_pointer_ = 0;
    std::size_t extent_item_ = 0;      ///< item in which the next payload byte lies
    std::uint64_t extent_offset_ = 0;  ///< and where in it
    bool repeat_ = false;
    bool done_ = true;
    std::unique_ptr<detail::form_packetiser> form_;  ///< makes the packets of a heap with a form
};

}  // namespace spead2::send
