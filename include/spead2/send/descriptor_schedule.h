// SPDX-License-Identifier: Apache-2.0
// When the descriptor of an item is due: in the first heap, and again after a number of heaps or some
// time, so that receivers that come later understand the items, too.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace spead2::send {

/// For one item, or several whose descriptors go together. Heaps are numbered by the caller.
class descriptor_schedule {
public:
    using clock = std::chrono::steady_clock;

    /// \param heap      the number of the heap that is being made
    /// \param interval  heaps from one with the descriptor to the next (below 1 as 1); none: it is
    ///                  due only once
    [[nodiscard]] bool is_due(std::uint64_t heap,
                              const std::optional<std::int64_t>& interval) const noexcept {
        return !sent_ || (interval && static_cast<std::int64_t>(heap - heap_) >= *interval);
    }
    /// The same where nothing is left out or sent late, so that several who count alike agree, each
    /// having seen whichever heaps.
    [[nodiscard]] static bool is_due_in(std::uint64_t heap,
                                        const std::optional<std::int64_t>& interval) noexcept {
        return heap == 0 || (interval && heap % static_cast<std::uint64_t>(*interval) == 0);
    }
    /// The same by time.
    [[nodiscard]] bool is_due(clock::time_point now,
                              std::chrono::duration<double> interval) const noexcept {
        return !sent_ || now - time_ >= interval;
    }
    /// A heap has the descriptor. \param now  if time matters
    void sent(std::uint64_t heap, clock::time_point now = {}) noexcept {
        heap_ = heap;
        time_ = now;
        sent_ = true;
    }

private:
    std::uint64_t heap_ = 0;  ///< the last one with the descriptor
    clock::time_point time_{};
    bool sent_ = false;
};

}  // namespace spead2::send
