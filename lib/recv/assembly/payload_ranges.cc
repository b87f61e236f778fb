// SPDX-License-Identifier: Apache-2.0
#include "payload_ranges.h"

namespace spead2::recv {

payload_ranges::result payload_ranges::add(std::uint64_t begin, std::uint64_t end) {
    tree::iterator before;
    tree::iterator after;
    if (last_ != pieces_.end() && last_->second == begin && begin != last_->first) {
        before = last_;
        after = std::next(last_);
        // The piece after it may begin right here.
        if (after != pieces_.end() && after->first == begin) return result::duplicate;
    } else {
        after = pieces_.upper_bound(begin);
        before = after == pieces_.begin() ? pieces_.end() : std::prev(after);
    }
    if (before != pieces_.end() && (begin < before->second || begin == before->first))
        return result::duplicate;
    if (after != pieces_.end() && end > after->first) return result::overlaps;
    const bool joins_before = before != pieces_.end() && before->second == begin;
    const bool joins_after = after != pieces_.end() && after->first == end;
    if (joins_before) {
        before->second = end;
        last_ = before;
        if (joins_after) {
            before->second = after->second;
            pieces_.erase(after);
        }
    } else if (joins_after) {
        // The key is the beginning: the same node goes on under another one.
        const auto hint = std::next(after);
        auto node = pieces_.extract(after);
        node.key() = begin;
        last_ = pieces_.insert(hint, std::move(node));
    } else {
        if (pieces_.size() >= free_pieces + received_ / bytes_a_piece) return result::too_many;
        last_ = pieces_.emplace_hint(after, begin, end);
    }
    received_ += end - begin;
    return result::added;
}

void payload_ranges::clear() noexcept {
    pieces_.clear();
    last_ = pieces_.end();
    received_ = 0;
}

}  // namespace spead2::recv
