// SPDX-License-Identifier: Apache-2.0
// Heaps that come in one packet: nothing is looked up and nothing kept, unless part of the heap was
// there before, or an item lies beyond the payload.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <utility>

#include "assembly.h"
#include "item_pointers.h"

namespace spead2::recv {

/// A heap of one packet: no look-up, and nothing to keep.
void assembly::add_single(const packet_view& p) {
    ++stats_[stat_index::packets];
    ++stats_[stat_index::single_packet_heaps];
    if (p.payload_length > max_heap_size_) {
        static_cast<void>(accepts_size(p));
        return;
    }
    heap_ptr h = recycler_->take();
    const auto size = static_cast<std::size_t>(p.payload_length);
    if (size > h->payload_.capacity() || !ordinary_memory_ ||
        h->payload_.capacity() > 2 * size + 1024) {
        h->payload_ = memory();
        if (size != 0) {
            try {
                h->payload_ = allocator_->allocate(size, &p);
            } catch (const std::exception&) {
                log_no_memory(p, size);
                return;
            }
        }
    }
    if (size != 0) copy(h->payload_.data(), p);
    pointer_facts facts;
    if (p.first_item < p.n_pointers) {
        facts = first_pointers(p, h->pointers_);
        note_stop(facts);
    }
    h->cnt_ = p.heap_cnt;
    h->length_ = p.heap_length;
    h->received_ = size;
    h->payload_size_ = size;
    h->heap_address_bits_ = p.heap_address_bits;
    h->bug_compat_ = bug_compat_;
    const std::size_t slot = take_slot(p.heap_cnt);
    if (facts.min_length > size) {
        // Never complete: it waits until its turn to go has come.
        partial_heap& partial = new_partial();
        partial.whole = std::move(h);
        partial.cnt = p.heap_cnt;
        partial.length = p.heap_length;
        partial.received = partial.end = size;
        partial.min_length = facts.min_length;
        partial.slot = slot;
        slots_[slot] = &partial;
        ++n_partial_;
        return;
    }
    if (stop_seen_) return;  // this is what says so, and nothing else
    h->complete_ = true;
    ++stats_[stat_index::heaps];
    finished_.push_back(std::move(h));
}

/// A heap of one packet that goes where a placer says. \return false if that is later
bool assembly::place_single(const packet_view& p) {
    if (p.payload_length <= max_heap_size_ || accepts_size(p)) {
        const bool stops = is_stop(p);
        const placement where = placer_->place(p);
        if (where.verdict == placement::kind::later) return false;
        if (where.verdict == placement::kind::accept) {
            if (scatter_)
                scatter_(where.base, p);
            else
                placer_->copies().add(where.base, p.payload,
                                      static_cast<std::size_t>(p.payload_length));
            if (!stops || where.unit != 0) *where.flags = 1;
        }
        static_cast<void>(take_slot(p.heap_cnt));
        if (stops)
            stop_seen_ = true;
        else
            ++stats_[stat_index::heaps];
    }
    ++stats_[stat_index::packets];
    ++stats_[stat_index::single_packet_heaps];
    return true;
}

bool assembly::is_stop(const packet_view& p) const noexcept {
    if (p.ordinary || !stop_on_stop_item_) return false;
    const std::uint64_t stop = wire::to_big_endian(
        std::uint64_t{1} << 63 | stream_ctrl_id << p.heap_address_bits | ctrl_stream_stop);
    const std::uint8_t* const begin = p.bytes + header_size;
    for (std::uint32_t i = p.first_item; i < p.n_pointers; ++i)
        if (std::memcmp(begin + i * item_pointer_size, &stop, sizeof stop) == 0) return true;
    return false;
}

/// A packet that has the payload of a whole heap, some of which is there already: what came before
/// belongs to it. \return false if there is no such heap
bool assembly::add_whole(const packet_view& p) {
    std::size_t looked_at;
    partial_heap* const h = index_.find(p.heap_cnt, looked_at);
    if (h == nullptr || h->address_bits != p.heap_address_bits || h->end > p.payload_length ||
        (h->length >= 0 && h->length != p.heap_length))
        return false;
    ++stats_[stat_index::packets];
    ++stats_[stat_index::single_packet_heaps];
    if (!accepts_size(p)) return true;
    if (!reserve(*h, p.payload_length, p)) return true;
    if (p.payload_length != 0) copy(h->base, p);
    h->received = 0;
    next_.clear();
    accept(*h, p);
    return true;
}

}  // namespace spead2::recv
