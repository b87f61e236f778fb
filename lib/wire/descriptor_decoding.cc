// SPDX-License-Identifier: Apache-2.0
// Reading descriptors: an item that holds them is a little stream of packets, whose heaps have the
// fields as items.
#include <cstring>
#include <vector>

#include <spead2/wire/descriptor.h>
#include <spead2/wire/packet.h>

#include "item_list.h"

namespace spead2 {
namespace {

std::string hexadecimal(std::uint64_t value) {
    constexpr const char* digits = "0123456789abcdef";
    std::string text;
    do {
        text.insert(text.begin(), digits[value & 15]);
        value >>= 4;
    } while (value != 0);
    return "0x" + text;
}

/// A heap within the item, as far as it has come.
struct inner_heap {
    std::uint64_t cnt = 0;
    int address_bits = 0;
    std::int64_t length = -1;
    std::uint64_t min_length = 0;
    std::vector<std::uint64_t> pointers;
    std::vector<std::uint8_t> payload;

    [[nodiscard]] bool complete() const noexcept {
        return length >= 0 && payload.size() == static_cast<std::uint64_t>(length) &&
               min_length <= payload.size();
    }

    void add(const packet_view& p) {
        if (p.heap_length >= 0) {
            if (length >= 0 && length != p.heap_length) return;
            if (static_cast<std::uint64_t>(p.heap_length) < payload.size()) return;
            length = p.heap_length;
        }
        payload.insert(payload.end(), p.payload, p.payload + p.payload_length);
        for (std::uint32_t i = p.first_item; i < p.n_pointers; ++i) {
            std::uint64_t raw;
            std::memcpy(&raw, p.bytes + header_size + i * item_pointer_size, sizeof raw);
            const std::uint64_t pointer = wire::to_big_endian(raw);
            const std::uint64_t id = (pointer & ~(std::uint64_t{1} << 63)) >> address_bits;
            if (pointer >> 63 == 0)
                min_length =
                    std::max(min_length, pointer & ((std::uint64_t{1} << address_bits) - 1));
            if (id < heap_cnt_id || id > payload_length_id) pointers.push_back(raw);
        }
    }
};

void read_shape(descriptor& d, std::string_view bytes, std::size_t width, unsigned variable_bit) {
    for (std::size_t at = 0; at + width + 1 <= bytes.size(); at += width + 1) {
        const auto* const entry = reinterpret_cast<const std::uint8_t*>(bytes.data()) + at;
        d.shape.push_back((entry[0] & variable_bit) != 0
                              ? variable_dimension
                              : static_cast<std::int64_t>(wire::get_uint(entry + 1, width)));
    }
}

void read_format(descriptor& d, std::string_view bytes, std::size_t width) {
    for (std::size_t at = 0; at + width + 1 <= bytes.size(); at += width + 1) {
        const auto* const entry = reinterpret_cast<const std::uint8_t*>(bytes.data()) + at;
        d.format.push_back({static_cast<char>(entry[0]), wire::get_uint(entry + 1, width)});
    }
}

void read_descriptor(const inner_heap& heap, unsigned bug_compat, std::vector<descriptor>& out,
                     const note_function& note) {
    descriptor d;
    const auto address_bytes = static_cast<std::size_t>(heap.address_bits) / 8;
    const bool old_widths = (bug_compat & bug_compat_descriptor_widths) != 0;
    const std::size_t size_bytes = old_widths ? 7 : address_bytes;
    const std::size_t bits_bytes = old_widths ? 3 : 8 - address_bytes;
    const unsigned variable_bit = (bug_compat & bug_compat_shape_bit_1) != 0 ? 2 : 1;
    wire::for_each_item(
        heap.pointers.data(), heap.pointers.size(), heap.address_bits, heap.payload.size(), true,
        [&](std::uint64_t id, bool immediate, std::uint64_t value, std::uint64_t length,
            std::size_t index) {
            if (length == 0) return;
            const auto* const bytes =
                immediate ? reinterpret_cast<const char*>(&heap.pointers[index]) + 8 - address_bytes
                          : reinterpret_cast<const char*>(heap.payload.data()) + value;
            const std::string_view content(bytes, static_cast<std::size_t>(length));
            switch (id) {
                case descriptor_id_id:
                    if (immediate)
                        d.id = value;
                    else
                        note("Ignoring descriptor ID that is not an immediate");
                    break;
                case descriptor_name_id:
                    d.name = content;
                    break;
                case descriptor_description_id:
                    d.description = content;
                    break;
                case descriptor_dtype_id:
                    d.numpy_header = content;
                    break;
                case descriptor_shape_id:
                    d.shape.clear();
                    read_shape(d, content, size_bytes, variable_bit);
                    break;
                case descriptor_format_id:
                    d.format.clear();
                    read_format(d, content, bits_bytes);
                    break;
                case null_id:
                case descriptor_id:
                    break;
                default:
                    note("Unrecognised descriptor item ID " + hexadecimal(id));
            }
        });
    if (!d.numpy_header.empty()) {
        d.shape.clear();
        d.format.clear();
    }
    if (d.id == 0)
        note("incomplete descriptor (no ID)");
    else
        out.push_back(std::move(d));
}

}  // namespace

std::vector<descriptor> decode_descriptors(std::span<const std::uint8_t> item, unsigned bug_compat,
                                           const note_function& note) {
    std::vector<descriptor> out;
    inner_heap heap;
    bool open = false;
    while (!item.empty()) {
        packet_view p;
        const packet_fault fault = decode_packet(item, p);
        if (fault != packet_fault::none) {
            note(describe(fault, item));
            break;
        }
        item = item.subspan(p.size());
        if (!open || heap.cnt != p.heap_cnt) {
            open = p.payload_offset == 0;
            if (!open) continue;
            heap = {};
            heap.cnt = p.heap_cnt;
            heap.address_bits = p.heap_address_bits;
        } else if (heap.address_bits != p.heap_address_bits ||
                   heap.payload.size() != p.payload_offset) {
            continue;
        }
        heap.add(p);
        if (heap.complete()) {
            read_descriptor(heap, bug_compat, out, note);
            open = false;
        }
    }
    return out;
}

}  // namespace spead2
