// SPDX-License-Identifier: Apache-2.0
// Chunks of four heaps of 16 bytes each, and heaps that belong in them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <spead2/recv/chunk.h>

#include "packets.h"

inline constexpr std::size_t heap_size = 16;
inline constexpr std::size_t heaps_a_chunk = 4;

/// A chunk with memory of its own.
class owning_chunk final : public spead2::recv::chunk {
public:
    owning_chunk()
        : data_(heap_size * heaps_a_chunk, 0xff),
          present_(heaps_a_chunk, 9),
          extra_(heaps_a_chunk) {
        data = data_;
        present = present_;
        extra = extra_;
    }

private:
    bytes data_;
    bytes present_;
    bytes extra_;
};

/// Heap number \a i, of the time i, in packets of 8 bytes.
inline std::vector<bytes> timed_heap(std::uint64_t i) {
    auto packets = make_heap(i + 1, heap_size, 8, static_cast<std::uint8_t>(i));
    packet_fields f;
    f.cnt = i + 1;
    f.heap_length = heap_size;
    for (std::size_t k = 0; k < 8; ++k) f.payload.push_back(static_cast<std::uint8_t>(i + k));
    f.pointers = {spead2::flavour().address(0x1000, 0), spead2::flavour().immediate(0x1600, i)};
    packets[0] = make_packet(f);
    return packets;
}

inline bytes timed_heaps(const std::vector<std::uint64_t>& times) {
    bytes all;
    for (const std::uint64_t i : times) {
        const bytes h = join(timed_heap(i));
        all.insert(all.end(), h.begin(), h.end());
    }
    return all;
}

inline spead2::recv::chunk_stream_config by_time(std::size_t max_chunks = 2) {
    spead2::recv::placement_rule rule;
    rule.time_per_chunk = heaps_a_chunk;
    rule.time_per_heap = 1;
    rule.heap_size = heap_size;
    spead2::recv::chunk_stream_config c;
    c.set_items({0x1600}).set_max_chunks(max_chunks).set_place(rule);
    return c;
}

/// "id:flags", with '!' where the data is not that of the heap.
inline std::string describe(const spead2::recv::chunk& c) {
    std::string text = std::to_string(c.chunk_id) + ":";
    for (std::size_t i = 0; i < c.present.size(); ++i) {
        text += c.present[i] != 0 ? '1' : '0';
        if (c.present[i] == 0) continue;
        const auto first = static_cast<std::size_t>(c.chunk_id) * heaps_a_chunk + i;
        for (std::size_t k = 0; k < heap_size; ++k)
            if (c.data[i * heap_size + k] != static_cast<std::uint8_t>(first + k)) {
                text += '!';
                break;
            }
    }
    return text;
}
