// SPDX-License-Identifier: Apache-2.0
// Heaps leave the assembly: complete, or as far as they have come when others need their place or the
// stream ends.
#include <cstddef>
#include <utility>

#include "assembly.h"

namespace spead2::recv {

void assembly::finish(partial_heap& h) {
    if (placer_ != nullptr) {
        if (!stop_seen_) {
            ++stats_[stat_index::heaps];
            if (h.placed.verdict == placement::kind::accept) placer_->heap_placed(h.placed);
        }
    } else if (!stop_seen_) {
        heap& whole = *h.whole;
        whole.cnt_ = h.cnt;
        whole.length_ = h.length;
        whole.received_ = h.received;
        whole.payload_size_ = static_cast<std::size_t>(h.received);
        whole.heap_address_bits_ = h.address_bits;
        whole.bug_compat_ = bug_compat_;
        whole.complete_ = true;
        ++stats_[stat_index::heaps];
        finished_.push_back(std::move(h.whole));
    }
    remove(h);
}

/// Give out a heap that is not complete, or not known to be.
void assembly::emit(partial_heap& h, reason why) {
    ++stats_[stat_index::heaps];
    ++stats_[why == reason::evicted ? stat_index::incomplete_heaps_evicted
                                    : stat_index::incomplete_heaps_flushed];
    if (h.whole) {
        heap& whole = *h.whole;
        whole.cnt_ = h.cnt;
        whole.length_ = h.length;
        whole.received_ = h.received;
        whole.payload_size_ = static_cast<std::size_t>(h.end);
        if (h.indexed) whole.heap_address_bits_ = h.address_bits;
        whole.bug_compat_ = bug_compat_;
        whole.complete_ = h.contiguous();
        if (!whole.complete_) {
            if (allow_out_of_order_ && h.indexed)
                whole.ranges_ = h.ranges.list();
            else
                whole.ranges_ = {{0, h.received}};
        }
        finished_.push_back(std::move(h.whole));
    }
    remove(h);
}

/// Forget a heap that is being put together.
void assembly::remove(partial_heap& h) noexcept {
    if (h.indexed) index_.erase(&h);
    if (slots_[h.slot] == &h) {
        slots_[h.slot] = nullptr;
        --n_partial_;
    }
    if (last_ == &h) {
        last_ = nullptr;
        next_.clear();
    }
    h.whole.reset();
    h.placed = {};
    h.base = nullptr;
    h.capacity = 0;
    h.length = -1;
    h.received = h.end = h.min_length = 0;
    h.slot = 0;
    h.indexed = h.missed = h.reported = h.odd = false;
    h.ranges.clear();
    h.pointers.clear();
    free_partials_.push_back(&h);
}

void assembly::flush() {
    for (std::size_t substream = 0; substream < substreams_ && n_partial_ != 0; ++substream) {
        const std::size_t head = heads_[substream];
        for (std::size_t i = 0; i < max_heaps_ && n_partial_ != 0; ++i) {
            const std::size_t at = head + i < max_heaps_ ? head + i : head + i - max_heaps_;
            partial_heap* const h = slots_[substream * max_heaps_ + at];
            if (h != nullptr) emit(*h, reason::flushed);
        }
    }
}

}  // namespace spead2::recv
