// SPDX-License-Identifier: Apache-2.0
// Reading one packet: from bytes to a few numbers and two places. Pure; what becomes of the packet
// is the receiving wing's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <spead2/wire/protocol.h>

namespace spead2 {

/// A packet that was found sound. Refers to the bytes it was read from.
struct packet_view {
    const std::uint8_t* bytes = nullptr;    ///< where its header begins
    const std::uint8_t* payload = nullptr;  ///< where its payload begins
    std::uint64_t heap_cnt = 0;
    std::uint64_t payload_offset = 0;  ///< in the heap
    std::uint64_t payload_length = 0;
    std::int64_t heap_length = -1;  ///< -1: not said
    std::uint32_t n_pointers = 0;   ///< item pointers, from bytes + header_size on
    /// Pointers before this one are heap cnt, heap length, payload offset and payload length.
    std::uint32_t first_item = 0;
    std::int32_t heap_address_bits = 0;
    /// No pointer from first_item on is an immediate of the protocol's own. May be false without need.
    bool ordinary = false;

    /// Bytes of the whole packet.
    [[nodiscard]] std::size_t size() const noexcept {
        return static_cast<std::size_t>(payload - bytes) + static_cast<std::size_t>(payload_length);
    }
};

/// Why bytes are no packet.
enum class packet_fault : std::uint8_t {
    none,
    too_small,             ///< no room for a header
    bad_magic,             ///< magic number or version
    not_64_bits,           ///< item pointers of another size
    bad_flavour,           ///< no bits for IDs or for addresses
    items_overflow,        ///< more item pointers than there are bytes
    missing_items,         ///< no heap cnt, payload offset or payload length
    payload_overflow,      ///< more payload than there are bytes
    heap_length_overflow,  ///< payload beyond the heap's end
    too_large,             ///< larger than somebody takes; decode_packet() takes any
};

/// Read the packet at the beginning of \a bytes; more may follow it.
/// \param packet  only meaningful if the result is packet_fault::none
[[nodiscard]] packet_fault decode_packet(std::span<const std::uint8_t> bytes,
                                         packet_view& packet) noexcept;

/// How much of a stream of packets the first one takes.
struct packet_extent {
    /// Bytes of the packet; if not known yet, bytes needed to know more. With a fault: 0.
    std::uint64_t size = 0;
    bool known = false;
    packet_fault fault = packet_fault::none;  ///< the header cannot be understood
};
/// Look at the beginning of a packet, of which maybe not all has come.
[[nodiscard]] packet_extent measure_packet(std::span<const std::uint8_t> bytes) noexcept;

/// Text for the log on why \a bytes, which decode_packet() was given, are no packet.
[[nodiscard]] std::string describe(packet_fault fault, std::span<const std::uint8_t> bytes);

}  // namespace spead2
