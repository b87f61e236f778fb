// SPDX-License-Identifier: Apache-2.0
// A heap that is being put together, and how one is found by its cnt.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <spead2/recv/heap.h>

#include "item_pointers.h"
#include "payload_ranges.h"
#include "placer.h"
#include "random_number.h"

namespace spead2::recv {

/// Where the payload of a heap goes, and what is known of the heap.
struct partial_heap {
    heap_ptr whole;  ///< what is delivered in the end; null if a placer has the payload
    placement placed;
    std::uint8_t* base = nullptr;  ///< of the payload
    std::size_t capacity = 0;      ///< bytes from base on
    std::uint64_t cnt = 0;
    std::int64_t length = -1;
    std::uint64_t received = 0;
    std::uint64_t end = 0;         ///< of the last payload received
    std::uint64_t min_length = 0;  ///< largest address of an item
    std::size_t slot = 0;
    int address_bits = 0;
    bool indexed = false;   ///< can be found by its cnt
    bool missed = false;    ///< a packet was dropped because one before it was missing
    bool reported = false;  ///< a packet out of order was logged
    bool odd = false;       ///< packets have to be looked at one by one
    payload_ranges ranges;
    pointer_set pointers;  ///< if there are many

    /// All that was announced is there.
    [[nodiscard]] bool complete() const noexcept {
        return length >= 0 && received == static_cast<std::uint64_t>(length) &&
               min_length <= received;
    }
    /// What is there has no holes and could be all.
    [[nodiscard]] bool contiguous() const noexcept {
        return received == end && min_length <= end &&
               (length < 0 || received >= static_cast<std::uint64_t>(length));
    }
};

/// Partial heaps by cnt: an open hash table that grows with them.
class heap_index {
public:
    heap_index() : table_(16) {}

    /// \param looked_at  becomes the number of entries looked at, at least 1
    [[nodiscard]] partial_heap* find(std::uint64_t cnt, std::size_t& looked_at) const noexcept {
        looked_at = 1;
        for (std::size_t i = home(cnt); table_[i] != nullptr; i = next(i), ++looked_at)
            if (table_[i]->cnt == cnt) return table_[i];
        if (looked_at > 1) --looked_at;
        return nullptr;
    }
    void insert(partial_heap* h) {
        if (2 * (size_ + 1) > table_.size()) grow();
        put(h);
        ++size_;
    }
    void erase(const partial_heap* h) noexcept {
        std::size_t hole = home(h->cnt);
        while (table_[hole] != h) hole = next(hole);
        // What stands behind, and could not have its own place, moves up.
        for (std::size_t i = next(hole); table_[i] != nullptr; i = next(i)) {
            const std::size_t wanted = home(table_[i]->cnt);
            if (((i - wanted) & mask()) < ((i - hole) & mask())) continue;
            table_[hole] = table_[i];
            hole = i;
        }
        table_[hole] = nullptr;
        --size_;
    }

private:
    [[nodiscard]] std::size_t mask() const noexcept { return table_.size() - 1; }
    [[nodiscard]] std::size_t next(std::size_t i) const noexcept { return (i + 1) & mask(); }
    [[nodiscard]] std::size_t home(std::uint64_t cnt) const noexcept {
        return static_cast<std::size_t>(cnt * factor_ >> (64 - std::countr_zero(table_.size())));
    }
    void put(partial_heap* h) noexcept {
        std::size_t i = home(h->cnt);
        while (table_[i] != nullptr) i = next(i);
        table_[i] = h;
    }
    void grow() {
        std::vector<partial_heap*> old(2 * table_.size());
        old.swap(table_);
        if (table_.size() > fixed_size && factor_ == golden_ratio) factor_ = random_odd_number();
        for (partial_heap* h : old)
            if (h != nullptr) put(h);
    }

    /// 2^64 divided by the golden ratio: cnts that follow each other never meet in a small table. In
    /// a large one a sender who means harm must not know where they meet.
    static constexpr std::uint64_t golden_ratio = 0x9e3779b97f4a7c15;
    static constexpr std::size_t fixed_size = 64;

    std::vector<partial_heap*> table_;  ///< a power of two
    std::uint64_t factor_ = golden_ratio;
    std::size_t size_ = 0;
};

}  // namespace spead2::recv
