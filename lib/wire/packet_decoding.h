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

/// Whether an immediate with an ID from 1 to \a last stands behind the first four pointers.
inline bool has_immediate(const std::uint8_t* bytes, std::size_t end, int bits,
                          std::uint64_t last) noexcept {
    const std::uint64_t immediate = std::uint64_t{1} << (63 - bits);
    for (std::size_t at = prefix_size; at < end; at += item_pointer_size)
        if ((get_u64(bytes + at) >> bits ^ immediate) - 1 < last) return true;
    return false;
}

/// What follows from the numbers of a packet; \a start is where its payload begins.
inline packet_fault check_lengths(const packet_view& p, std::size_t start,
                                  std::size_t size) noexcept {
    if (p.payload_length > size - start) return packet_fault::payload_overflow;
    if (p.payload_offset + p.payload_length > static_cast<std::uint64_t>(p.heap_length) &&
        p.heap_length >= 0)
        return packet_fault::heap_length_overflow;
    return packet_fault::none;
}

/// Any packet, pointer by pointer. \a p has what the header says.
[[gnu::noinline]] inline packet_fault decode_pointers(packet_view& p, std::size_t start,
                                                      std::size_t size) noexcept {
    control_items control;
    for (std::size_t at = header_size; at < start; at += item_pointer_size)
        control.look_at(get_u64(p.bytes + at), p.heap_address_bits);
    constexpr unsigned required =
        1U << heap_cnt_id | 1U << payload_offset_id | 1U << payload_length_id;
    if ((control.seen & required) != required) return packet_fault::missing_items;
    p.heap_cnt = control.heap_cnt;
    p.payload_offset = control.payload_offset;
    p.payload_length = control.payload_length;
    p.heap_length = control.heap_length;
    return check_lengths(p, start, size);
}

inline packet_fault decode(const std::uint8_t* bytes, std::size_t size, packet_view& p) noexcept {
    if (size < header_size) return packet_fault::too_small;
    packet_header_fields fields;
    if (const packet_fault fault = decode_header(get_u64(bytes), fields);
        fault != packet_fault::none)
        return fault;
    const std::size_t start = header_size + fields.n_pointers * item_pointer_size;
    if (size < start) return packet_fault::items_overflow;
    const int bits = fields.address_bits;
    p.bytes = bytes;
    p.payload = bytes + start;
    p.n_pointers = fields.n_pointers;
    p.heap_address_bits = bits;
    p.first_item = 0;
    p.ordinary = false;
    if (fields.n_pointers >= 4) {
        // In these, immediates of items 1 to 4, all above the address is known.
        const std::uint64_t immediate = std::uint64_t{1} << (63 - bits);
        const std::uint64_t cnt = get_u64(bytes + 8) ^ (immediate | heap_cnt_id) << bits;
        const std::uint64_t length = get_u64(bytes + 16) ^ (immediate | heap_length_id) << bits;
        const std::uint64_t offset = get_u64(bytes + 24) ^ (immediate | payload_offset_id) << bits;
        const std::uint64_t payload = get_u64(bytes + 32) ^ (immediate | payload_length_id) << bits;
        if ((cnt | length | offset | payload) >> bits == 0) {
            p.first_item = 4;
            p.ordinary = !has_immediate(bytes, start, bits, stream_ctrl_id);
            if (p.ordinary || !has_immediate(bytes, start, bits, payload_length_id)) {
                p.heap_cnt = cnt;
                p.heap_length = static_cast<std::int64_t>(length);
                p.payload_offset = offset;
                p.payload_length = payload;
                return check_lengths(p, start, size);
            }
        }
    }
    return decode_pointers(p, start, size);
}

}  // namespace spead2::wire
