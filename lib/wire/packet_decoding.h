// SPDX-License-Identifier: Apache-2.0
// decode_packet() where it is wanted inline, packet by packet. Nearly all packets begin with the same
// four item pointers; those are compared as whole words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <spead2/wire/packet.h>

#include "byte_order.h"

namespace spead2::wire {

inline std::uint64_t get_u64(const std::uint8_t* data) noexcept {
    std::uint64_t value;
    std::memcpy(&value, data, sizeof value);
    return to_big_endian(value);
}

/// Largest number of bits of an address is 56, so that sums of two addresses do not overflow.
struct packet_header_fields {
    int address_bits;
    std::uint32_t n_pointers;
};

/// The first eight bytes.
inline packet_fault decode_header(std::uint64_t header, packet_header_fields& fields) noexcept {
    if (header >> 48 != ((std::uint64_t{magic} << 8) | protocol_version))
        return packet_fault::bad_magic;
    const auto id_bytes = static_cast<unsigned>(header >> 40 & 0xff);
    const auto address_bytes = static_cast<unsigned>(header >> 32 & 0xff);
    if (id_bytes + address_bytes != 8) return packet_fault::not_64_bits;
    if (id_bytes == 0 || address_bytes == 0) return packet_fault::bad_flavour;
    fields.address_bits = static_cast<int>(8 * address_bytes);
    fields.n_pointers = static_cast<std::uint32_t>(header & 0xffff);
    return packet_fault::none;
}

/// What the protocol's own immediates say; the last one of each counts.
struct control_items {
    std::uint64_t heap_cnt = 0;
    std::uint64_t payload_offset = 0;
    std::uint64_t payload_length = 0;
    std::int64_t heap_length = -1;
    unsigned seen = 0;  ///< bit i: item i

    void look_at(std::uint64_t pointer, int bits) noexcept {
        const std::uint64_t id = pointer >> bits ^ std::uint64_t{1} << (63 - bits);
        if (id - 1 > 3) return;
        const std::uint64_t value = pointer & ((std::uint64_t{1} << bits) - 1);
        seen |= 1U << id;
        switch (id) {
            case heap_cnt_id:
                heap_cnt = value;
                break;
            case heap_length_id:
                heap_length = static_cast<std::int64_t>(value);
                break;
            case payload_offset_id:
                payload_offset = value;
                break;
            default:
                payload_length = value;
        }
    }
};

inline packet_fault decode(const std::uint8_t* bytes, std::size_t size, packet_view& p) noexcept {
    if (size < header_size) return packet_fault::too_small;
    packet_header_fields fields;
    if (const packet_fault fault = decode_header(get_u64(bytes), fields);
        fault != packet_fault::none)
        return fault;
    const std::size_t payload_start = header_size + fields.n_pointers * item_pointer_size;
    if (size < payload_start) return packet_fault::items_overflow;

    const int bits = fields.address_bits;
    const std::uint64_t immediate = std::uint64_t{1} << (63 - bits);
    const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
    control_items control;
    std::uint32_t next = 0;
    if (fields.n_pointers >= 4) {
        const std::uint64_t cnt = get_u64(bytes + 8);
        const std::uint64_t length = get_u64(bytes + 16);
        const std::uint64_t offset = get_u64(bytes + 24);
        const std::uint64_t payload = get_u64(bytes + 32);
        if ((((cnt >> bits) ^ (immediate | heap_cnt_id)) |
             ((length >> bits) ^ (immediate | heap_length_id)) |
             ((offset >> bits) ^ (immediate | payload_offset_id)) |
             ((payload >> bits) ^ (immediate | payload_length_id))) == 0) {
            control = {cnt & mask, offset & mask, payload & mask,
                       static_cast<std::int64_t>(length & mask), 0x1e};
            next = 4;
        }
    }
    p.first_item = next;
    for (; next < fields.n_pointers; ++next)
        control.look_at(get_u64(bytes + header_size + next * item_pointer_size), bits);

    constexpr unsigned required =
        1U << heap_cnt_id | 1U << payload_offset_id | 1U << payload_length_id;
    if ((control.seen & required) != required) return packet_fault::missing_items;
    if (control.payload_length > size - payload_start) return packet_fault::payload_overflow;
    if (control.heap_length >= 0 && control.payload_offset + control.payload_length >
                                        static_cast<std::uint64_t>(control.heap_length))
        return packet_fault::heap_length_overflow;
    p.bytes = bytes;
    p.payload = bytes + payload_start;
    p.heap_cnt = control.heap_cnt;
    p.payload_offset = control.payload_offset;
    p.payload_length = control.payload_length;
    p.heap_length = control.heap_length;
    p.n_pointers = fields.n_pointers;
    p.heap_address_bits = bits;
    return packet_fault::none;
}

}  // namespace spead2::wire
