// SPDX-License-Identifier: Apache-2.0
// The packets of a heap as bytes, without a stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <spead2/send/heap.h>

namespace spead2::send {

/// Makes the packets of one heap, one after another.
class packet_generator {
public:
    /// \param cnt              heap cnt; only the low heap_address_bits bits are sent
    /// \param max_packet_size  bytes, at least min_packet_size
    /// \throw std::invalid_argument if the size is too small, or repeated pointers do not fit
    packet_generator(const heap& h, std::uint64_t cnt, std::size_t max_packet_size);
    packet_generator(packet_generator&&) noexcept;
    packet_generator& operator=(packet_generator&&) noexcept;
    ~packet_generator();

    /// Whether there are no more packets.
    [[nodiscard]] bool done() const noexcept;
    /// Bytes of the next packet. Only while not done().
    [[nodiscard]] std::size_t next_size() const noexcept;
    /// Make the next packet, of next_size() bytes, at \a out. Only while not done().
    /// \throw std::invalid_argument if it does not fit
    void next(std::span<std::uint8_t> out);

private:
    struct implementation;
    std::unique_ptr<implementation> implementation_;
};

}  // namespace spead2::send
