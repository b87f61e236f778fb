// SPDX-License-Identifier: Apache-2.0
// A group of no heaps, in whose turn something is done: between the packets of what was queued before
// and those of what was queued after.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include "next_batch.h"

namespace spead2::send::detail {

class call_in_turn {
public:
    explicit call_in_turn(std::function<void()> what) : what_(std::move(what)) {}

    [[nodiscard]] static std::size_t size() noexcept { return 0; }
    /// \return false as long as there are packets before it that the transport has not got
    [[nodiscard]] bool fill(group_progress& group, const next_batch& batch) noexcept {
        if (!batch.ready().packets.empty()) return false;
        what_();
        group.unfinished = 0;
        return true;
    }

private:
    std::function<void()> what_;
};

}  // namespace spead2::send::detail
