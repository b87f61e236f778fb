// SPDX-License-Identifier: GPL-3.0-or-later
#include "heap_order.h"

#include <spead2/wire/number.h>

namespace gr::spead2 {
namespace {

/// Late heaps in a row, beyond the window, after which the sender must have begun anew.
constexpr std::size_t late_limit = 4;

}  // namespace

void heap_order::reset() {
    held_.clear();
    newest_ = current_ = 0;
    late_run_ = 0;
    starting_ = false;
}

/// In units from the beginning; nothing if it lies between units.
std::optional<std::int64_t> heap_order::unwrap(const source_heap& heap) const {
    const std::int64_t difference = engine::sign_extended(
        (heap.place - reference_) & engine::low_bits_mask(heap.place_bits), heap.place_bits);
    if (difference % step_ != 0) return std::nullopt;
    const std::int64_t units = difference / step_;
    std::int64_t at = 0;
    if (__builtin_add_overflow(reference_unit_, units, &at)) return std::nullopt;
    return at;
}

/// Units are counted from \a heap on.
void heap_order::begin(const source_heap& heap) {
    ++newest_;
    late_run_ = 0;
    reference_ = heap.place;
    reference_unit_ = 0;
}

bool heap_order::push(source_heap heap, std::uint64_t units) {
    const bool starts = std::exchange(starting_, false);
    std::int64_t at = reference_unit_;
    if (newest_ != 0 && step_ != 0) {
        const std::optional<std::int64_t> found = unwrap(heap);
        const bool late =
            found && ((newest_ == current_ && *found < next_) || held_.contains({newest_, *found}));
        if (late && !starts && ++late_run_ <= window_ + late_limit) return false;
        if (!found || late) begin(heap);
        at = !found || late ? 0 : *found;
    } else if (newest_ == 0) {
        begin(heap);
        at = 0;
    }
    late_run_ = 0;
    reference_ = heap.place;
    const std::int64_t end = at + static_cast<std::int64_t>(units);
    reference_unit_ = step_ == 0 ? end : at;
    held_.emplace(key{newest_, at}, entry{std::move(heap), end});
    return true;
}

std::optional<ordered_heap> heap_order::pop(bool flush) {
    if (held_.empty()) return std::nullopt;
    const auto first = held_.begin();
    const auto [beginning, at] = first->first;
    const bool anew = beginning != current_;
    if (!anew && at > next_ && !flush && held_.size() <= window_ && beginning == newest_)
        return std::nullopt;
    ordered_heap out{std::move(first->second.heap), 0, anew};
    if (!anew && at > next_) out.missing = static_cast<std::uint64_t>(at - next_);
    current_ = beginning;
    next_ = first->second.end;
    held_.erase(first);
    return out;
}

}  // namespace gr::spead2
