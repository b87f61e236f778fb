// SPDX-License-Identifier: Apache-2.0
#include "group_queue.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace spead2::send::detail {

void group_queue::add(group_state& group) {
    const std::size_t size = group.size();
    const std::size_t max_heaps = config_.max_heaps();
    if (size > max_heaps - std::min(max_heaps, heaps_))
        throw std::system_error(
            std::make_error_code(std::errc::resource_unavailable_try_again),
            std::to_string(size) + " more heaps do not fit the queue, which holds " +
                std::to_string(heaps_) + " of max_heaps " + std::to_string(max_heaps));
    group.check(num_substreams_, max_packet_size_);
    cnts_before_last_ = cnts_;
    group.queue(cnts_, paces_ && config_.rate() > 0.0 ? 1.0 / config_.rate() : 0.0,
                config_.turn_packets());
    group.next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = &group;
    tail_ = &group;
    if (fill_ == nullptr) fill_ = &group;
    heaps_ += size;
    ++added_;
}

void group_queue::remove_last(group_state& group) noexcept {
    group_state* before = nullptr;
    for (group_state* g = head_; g != &group; g = g->next) before = g;
    (before != nullptr ? before->next : head_) = nullptr;
    tail_ = before;
    if (fill_ == &group) fill_ = nullptr;
    heaps_ -= group.size();
    --added_;
    cnts_ = cnts_before_last_;
}

group_queue::list group_queue::take_finished() noexcept {
    list taken;
    if (has_finished()) taken.first = head_;
    while (has_finished()) {
        group_state& group = *head_;
        heaps_ -= group.size();
        if (fill_ == &group) fill_ = group.next;
        taken.last = &group;
        head_ = group.next;
        ++taken.groups;
    }
    if (head_ == nullptr) tail_ = nullptr;
    if (taken.last != nullptr) taken.last->next = nullptr;
    return taken;
}

group_queue::list group_queue::take_all(const std::error_code& error) noexcept {
    list taken;
    taken.first = head_;
    taken.last = tail_;
    for (group_state* g = head_; g != nullptr; g = g->next) {
        heaps_ -= g->size();
        ++taken.groups;
        if (g->unfinished == 0) continue;
        taken.unsent += std::min(g->unfinished, g->size());
        if (!g->error) g->error = error;
    }
    head_ = tail_ = fill_ = nullptr;
    return taken;
}

void group_queue::set_cnt_sequence(std::uint64_t next, std::uint64_t step) {
    if (step == 0) throw std::invalid_argument("step is 0, but must not be");
    cnts_ = {next, step};
}

}  // namespace spead2::send::detail
