// SPDX-License-Identifier: Apache-2.0
#include <spead2/wire/packet.h>

#include "packet_decoding.h"

namespace spead2 {

packet_fault decode_packet(std::span<const std::uint8_t> bytes, packet_view& packet) noexcept {
    return wire::decode(bytes.data(), bytes.size(), packet);
}

packet_extent measure_packet(std::span<const std::uint8_t> bytes) noexcept {
    if (bytes.size() < header_size) return {header_size, false, packet_fault::none};
    wire::packet_header_fields fields;
    if (const packet_fault fault = wire::decode_header(wire::get_u64(bytes.data()), fields);
        fault != packet_fault::none)
        return {0, false, fault};
    const std::size_t start = header_size + fields.n_pointers * item_pointer_size;
    if (bytes.size() < start) return {start, false, packet_fault::none};
    wire::control_items control;
    for (std::size_t at = header_size; at < start; at += item_pointer_size)
        control.look_at(wire::get_u64(bytes.data() + at), fields.address_bits);
    if ((control.seen & 1U << payload_length_id) == 0)
        return {0, false, packet_fault::missing_items};
    return {start + control.payload_length, true, packet_fault::none};
}

std::string describe(packet_fault fault, std::span<const std::uint8_t> bytes) {
    switch (fault) {
        case packet_fault::none:
            break;
        case packet_fault::too_small:
            return "packet rejected because too small (" + std::to_string(bytes.size()) + " bytes)";
        case packet_fault::bad_magic:
            return "packet rejected because magic or version did not match";
        case packet_fault::not_64_bits:
            return "packet rejected because flavour is not SPEAD-64-*";
        case packet_fault::bad_flavour:
            return "packet rejected because flavour is invalid";
        case packet_fault::items_overflow:
            return "packet rejected because the items overflow the packet";
        case packet_fault::missing_items:
            return "packet rejected because it does not have required items";
        case packet_fault::payload_overflow: {
            const packet_extent extent = measure_packet(bytes);
            return "packet rejected because payload length overflows packet size (" +
                   std::to_string(extent.size) + " > " + std::to_string(bytes.size()) + ")";
        }
        case packet_fault::heap_length_overflow:
            return "packet rejected because payload would overflow given heap length";
        case packet_fault::too_large:
            return "dropping packet due to truncation";
    }
    return "packet is sound";
}

}  // namespace spead2
