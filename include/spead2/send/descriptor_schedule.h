// SPDX-License-Identifier: Apache-2.0
// When the descriptor of an item is due: in the first heap, and again after a number of heaps, so that
// receivers that come later understand the items, too.
#pragma once

#include <cstdint>
#include <optional>

namespace spead2::send {

/// For one item, or several whose descriptors go together. Heaps are numbered by the caller.
class descriptor_schedule {
public:
    /// \param heap      the number of the heap that is being made
    /// \param interval  heaps from one with the descriptor to the next (below 1 as 1); none: it is
    ///                  due only once
    [[nodiscard]] bool is_due(std::uint64_t heap,
                              const std::optional<std::int64_t>& interval) const noexcept {
        return !sent_ || (interval && static_cast<std::int64_t>(heap - heap_) >= *interval);
    }
    /// A heap has the descriptor.
    void sent(std::uint64_t heap) noexcept {
        heap_ = heap;
        sent_ = true;
    }

private:
    std::uint64_t heap_ = 0;  ///< the last one with the descriptor
    bool sent_ = false;
};

}  // namespace spead2::send
