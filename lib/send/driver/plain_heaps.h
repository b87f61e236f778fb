// SPDX-License-Identifier: Apache-2.0
// The commonest shape of a group: heaps that need one packet each, and have neither cnt nor rate of
// their own. Nothing is written to an entry after it was added.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <spead2/send/heap.h>

#include "cnt_sequence.h"
#include "send/packets/only_packet.h"

namespace spead2::send::detail {

struct group_progress;
struct next_batch;

class plain_heaps {
public:
    struct entry {
        const heap_contents* contents;
        only_packet only;
        std::size_t substream;
    };

    plain_heaps() = default;
    plain_heaps(const plain_heaps&) = delete;
    plain_heaps& operator=(const plain_heaps&) = delete;
    ~plain_heaps() = default;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::span<const entry> entries() const noexcept { return {entries_, size_}; }
    void reserve(std::size_t heaps) {
        if (heaps > capacity_) grow(heaps);
    }
    void add(const entry& added) {
        if (size_ == capacity_) [[unlikely]]
            grow(2 * capacity_);
        entries_[size_++] = added;
    }

    /// They are queued: with the next cnts of the sequence.
    void queue(cnt_sequence& cnts, double seconds_per_byte) noexcept {
        cnts_ = cnts;
        cnts.skip(size_);
        seconds_per_byte_ = seconds_per_byte;
    }
    /// Make packets as long as there is room. \return whether all are made
    [[nodiscard]] bool fill(group_progress& group, next_batch& batch) noexcept;

private:
    void grow(std::size_t heaps);

    // Most groups are of one heap: no allocation for those.
    entry single_;
    std::unique_ptr<entry[]> many_;
    entry* entries_ = &single_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 1;
    std::size_t next_ = 0;  ///< the first one without a packet
    cnt_sequence cnts_;     ///< from there on
    double seconds_per_byte_ = 0.0;
};

}  // namespace spead2::send::detail
