// SPDX-License-Identifier: Apache-2.0
#include "general_heaps.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "next_batch.h"
#include "send/packets/only_packet_writer.h"

namespace spead2::send::detail {

general_heaps::general_heaps(std::span<const plain_heaps::entry> heaps, std::size_t capacity) {
    entries_.reserve(std::max(heaps.size(), capacity));
    for (const plain_heaps::entry& heap : heaps) add(heap, -1, -1.0, 0);
}

void general_heaps::add(const plain_heaps::entry& heap, std::int64_t cnt, double rate,
                        std::size_t max_packet_size) {
    if (std::isnan(rate)) throw std::invalid_argument("rate of a heap is not a number (nan)");
    entry added{{0, false}, heap.contents, heap.substream, heap.only, cnt, rate, 0, 0};
    if (heap.only.size == 0) {
        if (packetisers_.empty()) packetisers_.reserve(entries_.capacity());
        added.packets = static_cast<std::uint32_t>(packetisers_.size());
        // (A pointer that owns nothing: the group keeps the contents.)
        packetisers_.emplace_back(
            std::shared_ptr<const heap_contents>(std::shared_ptr<void>(), heap.contents), 0,
            max_packet_size);
    }
    entries_.push_back(added);
}

void general_heaps::queue(cnt_sequence& cnts, double seconds_per_byte, group_mode mode,
                          std::size_t turn) noexcept {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        entry& e = entries_[i];
        if (e.cnt < 0) e.cnt = static_cast<std::int64_t>(cnts.take());
        if (e.only.size == 0) packetisers_[e.packets].set_cnt(static_cast<std::uint64_t>(e.cnt));
        if (e.rate < 0.0)
            e.rate = seconds_per_byte;
        else
            e.rate = e.rate > 0.0 ? 1.0 / e.rate : 0.0;
        paced_ = paced_ || e.rate > 0.0;
        e.next = static_cast<std::uint32_t>(i + 1);
    }
    unmade_ = entries_.size();
    if (unmade_ == 0) return;
    entries_.back().next = 0;
    previous_ = static_cast<std::uint32_t>(entries_.size() - 1);
    // Heaps of one packet each are in turn anyway.
    turn_ = turn_left_ = turn;
    in_turn_ = mode == group_mode::round_robin && !packetisers_.empty();
}

bool general_heaps::fill(group_progress& group, next_batch& batch) noexcept {
    while (unmade_ != 0) {
        if (!batch.has_room()) return false;
        entry& e = entries_[current_];
        if (e.only.size != 0 && !paced_ && !in_turn_) {
            make_row(group, batch);
            continue;
        }
        std::size_t most =
            in_turn_ && unmade_ != 1 ? std::min(turn_left_, batch.max_run) : batch.max_run;
        if (e.rate > 0.0) {
            const std::size_t fitting = batch.pacing.fitting(
                e.only.size != 0 ? e.only.size : packetisers_[e.packets].next_size(), e.rate);
            if (fitting == 0) return false;
            most = std::min(most, fitting);
        }
        const packetiser::run run = make_packets(e, most, batch);
        batch.made.enter(group, e.only.size != 0 ? nullptr : &e, run.size, run.count);
        const std::size_t bytes = std::size_t{run.count} * run.size;
        if (e.rate > 0.0) batch.pacing.add(bytes, e.rate);
        batch.bytes += bytes;
        advance(run.count);
        // What still had room would be the begin of another message.
        if (run.count == batch.max_run && unmade_ != 0) return false;
    }
    return true;
}

/// Make the next packets of a heap, at most so many.
packetiser::run general_heaps::make_packets(entry& e, std::size_t most,
                                            next_batch& batch) noexcept {
    const auto substream = static_cast<std::uint32_t>(e.substream);
    if (e.only.size != 0) {
        only_packet_writer writer(batch.packets);
        writer.set_form(e.only, e.contents->get_flavour());
        writer.write(*e.contents, static_cast<std::uint64_t>(e.cnt), substream);
        e.packetised = true;
        return {1, e.only.size};
    }
    packetiser& packets = packetisers_[e.packets];
    const packetiser::run run = packets.next_run(batch.packets, substream, most);
    e.unreleased += run.count;
    e.packetised = packets.done();
    return run;
}

/// Make the packets of heaps that need only one, as many as there are in a row and room for, in a
/// group without rates whose heaps follow each other.
void general_heaps::make_row(group_progress& group, next_batch& batch) noexcept {
    only_packet_writer writer(batch.packets);
    entry* const begin = &entries_[current_];
    const entry* const end = entries_.data() + entries_.size();
    entry* e = begin;
    do {
        const only_packet form = e->only;
        writer.set_form(form, e->contents->get_flavour());
        const std::size_t most = writer.room(std::min<std::size_t>(
            static_cast<std::size_t>(end - e), (batch_bytes - batch.bytes) / form.size + 1));
        if (most == 0) break;
        const entry* const first = e;
        const entry* const stop = e + most;
        do {
            writer.write(*e->contents, static_cast<std::uint64_t>(e->cnt),
                         static_cast<std::uint32_t>(e->substream));
            ++e;
        } while (e < stop && e->only == form);
        const auto count = static_cast<std::uint32_t>(e - first);
        batch.made.enter(group, nullptr, form.size, count);
        batch.bytes += std::size_t{count} * form.size;
    } while (e < end && e->only.size != 0 && batch.bytes < batch_bytes);
    unmade_ -= static_cast<std::size_t>(e - begin);
    current_ = static_cast<std::uint32_t>(e - entries_.data());
}

/// The current entry has made packets: whose turn is it now?
void general_heaps::advance(std::size_t made) noexcept {
    entry& e = entries_[current_];
    if (e.packetised) {
        // Out of the ring.
        --unmade_;
        entries_[previous_].next = e.next;
        current_ = e.next;
        turn_left_ = turn_;
    } else if (in_turn_) {
        turn_left_ -= std::min(made, turn_left_);
        if (turn_left_ != 0) return;
        previous_ = current_;
        current_ = e.next;
        turn_left_ = turn_;
    }
}

}  // namespace spead2::send::detail
