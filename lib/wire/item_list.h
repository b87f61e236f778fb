// SPDX-License-Identifier: Apache-2.0
// From the item pointers of a whole heap to its items: where each lies, and how long it is.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "packet_decoding.h"

namespace spead2::wire {

/// Go through the items of a heap: addressed ones by address, then immediates by value, equal ones as
/// they came.
/// \param pointers  in network order, each once, without those of IDs 1 to 4
/// \param end       bytes of the payload; every address is at most this
/// \param item      called with (id, immediate, address or value, length, index of the pointer)
template <typename Item>
void for_each_item(const std::uint64_t* pointers, std::size_t n, int bits, std::uint64_t end,
                   bool with_addressed, Item&& item) {
    struct entry {
        std::uint64_t value;
        std::uint64_t id;
        std::size_t index;
    };
    // Enough for most heaps, without an allocation.
    std::array<entry, 16> few;
    std::vector<entry> many;
    entry* entries = few.data();
    if (n > few.size()) {
        many.resize(n);
        entries = many.data();
    }
    const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
    const auto gather = [&](bool immediate) {
        std::size_t count = 0;
        bool sorted = true;
        for (std::size_t i = 0; i < n; ++i) {
            const std::uint64_t pointer = to_big_endian(pointers[i]);
            if ((pointer >> 63 != 0) != immediate) continue;
            entries[count] = {pointer & mask, (pointer & ~(std::uint64_t{1} << 63)) >> bits, i};
            if (count != 0 && entries[count - 1].value > entries[count].value) sorted = false;
            ++count;
        }
        if (!sorted)
            std::sort(entries, entries + count, [](const entry& a, const entry& b) {
                return a.value != b.value ? a.value < b.value : a.index < b.index;
            });
        return count;
    };
    if (with_addressed) {
        const std::size_t count = gather(false);
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t next = i + 1 < count ? entries[i + 1].value : end;
            item(entries[i].id, false, entries[i].value, next - entries[i].value, entries[i].index);
        }
    }
    const std::size_t count = gather(true);
    for (std::size_t i = 0; i < count; ++i)
        item(entries[i].id, true, entries[i].value, static_cast<std::uint64_t>(bits / 8),
             entries[i].index);
}

}  // namespace spead2::wire
