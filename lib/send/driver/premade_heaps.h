// SPDX-License-Identifier: Apache-2.0
// The shape of a group whose packets are made already: those of a list that keeps them.
#pragma once

#include <cstddef>
#include <memory>

#include "cnt_sequence.h"
#include "send/packets/premade_packets.h"

namespace spead2::send::detail {

struct group_progress;
struct next_batch;

class premade_heaps {
public:
    /// \param packets  acquired
    explicit premade_heaps(std::shared_ptr<premade_packets> packets) noexcept
        : packets_(std::move(packets)) {}
    premade_heaps(const premade_heaps&) = delete;
    premade_heaps& operator=(const premade_heaps&) = delete;
    ~premade_heaps() { release(); }

    [[nodiscard]] std::size_t size() const noexcept { return packets_->size(); }
    [[nodiscard]] const std::shared_ptr<premade_packets>& packets() const noexcept {
        return packets_;
    }
    /// Let others send the packets.
    void release() noexcept {
        if (acquired_) packets_->release();
        acquired_ = false;
    }

    /// They are queued: with the next cnts of the sequence, without a rate.
    void queue(cnt_sequence& cnts) noexcept {
        cnts_ = cnts;
        cnts.skip(size());
    }
    /// Put the next packets into a batch, alone. \return whether all were in batches before
    [[nodiscard]] bool fill(group_progress& group, next_batch& batch) noexcept;

private:
    std::shared_ptr<premade_packets> packets_;
    std::size_t next_ = 0;  ///< the first packet that has not gone
    cnt_sequence cnts_;     ///< from there on
    bool acquired_ = true;
};

}  // namespace spead2::send::detail
