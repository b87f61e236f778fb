// SPDX-License-Identifier: Apache-2.0
#include "books.h"

#include <algorithm>
#include <exception>

namespace spead2::send::detail {

bool books::reserve(std::size_t packets) noexcept {
    if (runs_.capacity() - runs_.size() >= packets) return true;
    if (first_ != 0) {
        runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
        if (runs_.capacity() - runs_.size() >= packets) return true;
    }
    try {
        runs_.reserve(std::max(runs_.size() + packets, 2 * runs_.capacity()));
    } catch (const std::exception&) {
        return false;
    }
    return true;
}

/// Let the first \a count packets leave; \a note is told the group, the size and the number of each
/// run of them.
template <typename Note>
bool books::leave(std::size_t count, Note&& note) noexcept {
    bool finished = false;
    while (count > 0) {
        run& r = runs_[first_];
        const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(count, r.count));
        note(*r.group, r.size, n);
        count -= n;
        r.count -= n;
        if (r.heap == nullptr) {
            r.group->unfinished -= n;
        } else {
            r.heap->unreleased -= n;
            if (r.heap->unreleased == 0 && r.heap->packetised) --r.group->unfinished;
        }
        finished = finished || r.group->unfinished == 0;
        if (r.count == 0) ++first_;
    }
    if (empty()) clear();
    return finished;
}

bool books::released(std::size_t count) noexcept {
    return leave(count, [](group_progress& group, std::uint32_t size, std::uint32_t n) {
        group.bytes_sent += std::uint64_t{n} * size;
    });
}

bool books::failed(std::size_t count, const std::error_code& error,
                   std::size_t substream) noexcept {
    return leave(count, [&](group_progress& group, std::uint32_t, std::uint32_t) {
        if (group.error) return;
        group.error = error;
        group.failed_substream = substream;
    });
}

}  // namespace spead2::send::detail
