// SPDX-License-Identifier: Apache-2.0
// Which heaps need only one packet, and what such packets have in common. Making them is
// only_packet_writer's.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <spead2/send/heap.h>
#include <spead2/wire/limits.h>
#include <spead2/wire/protocol.h>

namespace spead2::send {

namespace detail {
/// What decides the form of a heap's packets beside its payload, in one number: the number of items,
/// the address bits, and whether it is plain, from the high bits to the lowest.
struct heap_kind {
    static constexpr unsigned items_shift = heap_contents::items_shift;
    [[nodiscard]] static std::uint64_t of(const heap_contents& contents) noexcept {
        return contents.kind_;
    }
};
}  // namespace detail

/// The largest number of item pointers beside the four of the prefix: the header counts in 16 bits.
inline constexpr std::size_t max_counted_pointers = max_packet_pointers - 4;

/// The packet that takes a whole heap. Those of one form differ in nothing but cnt, item pointers and
/// payload.
struct only_packet {
    std::uint32_t size;  ///< bytes; 0: it needs several, or padding, or is not possible
    std::uint32_t kind;  ///< a heap_kind

    /// \return with size 0 whatever only a packetiser can do or refuse
    [[nodiscard]] static only_packet of(const heap_contents& contents,
                                        std::size_t max_packet_size) noexcept {
        const std::uint64_t n_pointers =
            detail::heap_kind::of(contents) >> detail::heap_kind::items_shift;
        const std::uint64_t payload = contents.payload_size();
        const std::uint64_t fixed = prefix_size + n_pointers * item_pointer_size;
        // Sixteen bytes of payload leave room for a NULL pointer; see the packetiser's rules.
        const std::uint64_t needed = fixed + std::max<std::uint64_t>(payload, 16);
        if (payload == 0 || payload > contents.get_flavour().max_address() ||
            n_pointers >= max_counted_pointers || needed > (max_packet_size & ~std::size_t{7}))
            return {0, 0};
        return {static_cast<std::uint32_t>(fixed + payload),
                static_cast<std::uint32_t>(detail::heap_kind::of(contents))};
    }
    [[nodiscard]] std::size_t n_pointers() const noexcept {
        return kind >> detail::heap_kind::items_shift;
    }
    [[nodiscard]] bool plain() const noexcept { return (kind & 1) != 0; }
    friend bool operator==(const only_packet& a, const only_packet& b) noexcept {
        return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
    }
};

}  // namespace spead2::send
