// SPDX-License-Identifier: Apache-2.0
#include "group.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace spead2::send::detail {

bool group_state::use(std::shared_ptr<premade_packets> heaps) noexcept {
    if (!heaps->acquire()) return false;
    premade = std::move(heaps);
    size = premade->size();
    payload_size = premade->payload_size();
    max_substream = premade->max_substream();
    return true;
}

void group_state::release_premade() noexcept {
    if (premade == nullptr) return;
    premade->release();
    premade.reset();
}

void group_state::expand() {
    size = 0;
    payload_size = 0;
    reserve(premade->size());
    for (const premade_packets::source& heap : premade->heaps())
        add({heap.contents, -1, heap.substream, -1.0}, premade->max_packet_size());
    release_premade();
}

/// What add_kept() cannot add by itself.
void group_state::add_other(entry added, std::size_t max_packet_size) {
    if (std::isnan(added.rate)) throw std::invalid_argument("rate of a heap is not a number (nan)");
    if (added.only.size == 0) {
        if (packetisers.empty()) packetisers.reserve(capacity);
        added.packets = static_cast<std::uint32_t>(packetisers.size());
        // (A pointer that owns nothing: the group keeps the contents.)
        packetisers.emplace_back(
            std::shared_ptr<const heap_contents>(std::shared_ptr<void>(), added.contents), 0,
            max_packet_size);
    }
    if (size == capacity) grow(2 * capacity);
    if (added.only.size == 0 || added.cnt >= 0 || added.rate >= 0.0) make_not_simple();
    entries[size++] = added;
    explicit_cnt = explicit_cnt || added.cnt >= 0;
    max_substream = std::max(max_substream, added.substream);
}

/// Set all members of the entries.
void group_state::make_not_simple() noexcept {
    if (!simple) return;
    simple = false;
    for (std::size_t i = 0; i < size; ++i) {
        entry& e = entries[i];
        e = {e.contents, e.substream, e.only, -1, -1.0, 0, 0, 0, false};
    }
}

/// Have room for so many heaps, more than now.
void group_state::grow(std::size_t heaps) {
    auto more = std::make_unique_for_overwrite<entry[]>(heaps);
    std::copy_n(entries, size, more.get());
    many = std::move(more);
    entries = many.get();
    capacity = heaps;
}

}  // namespace spead2::send::detail
