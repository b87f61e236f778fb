// SPDX-License-Identifier: Apache-2.0
// The shape of a group that may have anything: heaps of many packets, cnts and rates of their own,
// packets of several heaps in turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <spead2/send/heap.h>
#include <spead2/send/heap_group.h>

#include "books.h"
#include "cnt_sequence.h"
#include "plain_heaps.h"
#include "send/packets/only_packet.h"
#include "send/packets/packetiser.h"

namespace spead2::send::detail {

struct next_batch;

class general_heaps {
public:
    struct entry : heap_progress {
        const heap_contents* contents;
        std::size_t substream;
        only_packet only;  ///< if one does not take the heap, there is packetisers_[packets]
        std::int64_t cnt;  ///< negative until queued: the next of the sequence
        double rate;       ///< as asked for; once queued, seconds per byte, 0 without limit
        std::uint32_t packets;
        std::uint32_t
            next;  ///< the entry after this one, in the ring of those with packets to make
    };

    /// Of the same heaps as a group of the other shape. \param capacity  of how many there will be
    general_heaps(std::span<const plain_heaps::entry> heaps, std::size_t capacity);

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] std::span<const entry> entries() const noexcept { return entries_; }
    void reserve(std::size_t heaps) { entries_.reserve(heaps); }
    /// \throw std::invalid_argument (no packets possible; see packetiser)
    void add(const plain_heaps::entry& heap, std::int64_t cnt, double rate,
             std::size_t max_packet_size);

    /// They are queued.
    /// \param turn  packets that a heap sends in its turn, if they take turns; at least 1
    void queue(cnt_sequence& cnts, double seconds_per_byte, group_mode mode,
               std::size_t turn) noexcept;
    /// Make packets as long as there is room. \return whether all are made
    [[nodiscard]] bool fill(group_progress& group, next_batch& batch) noexcept;

private:
    [[nodiscard]] packetiser::run make_packets(entry& e, std::size_t most,
                                               next_batch& batch) noexcept;
    void make_row(group_progress& group, next_batch& batch) noexcept;
    void advance(std::size_t made) noexcept;

    std::vector<entry> entries_;
    std::vector<packetiser> packetisers_;  ///< of heaps that one packet is not enough for
    std::size_t unmade_ = 0;               ///< entries with packets to make
    std::uint32_t current_ = 0;            ///< entry of the next packet
    std::uint32_t previous_ = 0;           ///< in turn: the one before it
    bool in_turn_ = false;                 ///< packets of each heap after the other
    std::size_t turn_ = 1;                 ///< how many
    std::size_t turn_left_ = 1;            ///< of the current heap
    bool paced_ = false;                   ///< packets wait for their time
};

}  // namespace spead2::send::detail
