// SPDX-License-Identifier: Apache-2.0
#include "driver.h"

#include <algorithm>
#include <chrono>

#include <spead2/runtime/lock_soon.h>

namespace spead2::send::detail {

using clock = std::chrono::steady_clock;

task_wait driver::step(std::unique_lock<std::mutex>& lock) noexcept {
    bool early = false;
    if (ready_next_ == ready_.packets.size()) {
        fill(lock);
        early = ready_.packets.empty() && batch_.pacing.closed();
        if (ready_.packets.empty() && batch_.made.empty()) {
            lock_soon(lock);
            if (finished_some_) static_cast<void>(complete_groups(lock));
            if (early) return {task_wait::kind::until, batch_.pacing.next(), -1};
            batch_.pacing.ran_empty();
            return {};
        }
    } else {
        lock.unlock();
    }
    const std::span<const packet> rest = ready_.packets.subspan(ready_next_);
    packet_span next{rest, ready_.iovs};
    batch_.pacing.tell_schedule(next);
    const send_result result = transport_.send(next);
    batch_.pacing.sent(rest, result.accepted);
    account(rest, result);
    lock_soon(lock);
    const bool emptied = finished_some_ && complete_groups(lock);
    if (early) return {task_wait::kind::until, batch_.pacing.next(), -1};
    switch (result.wait) {
        case wait_for::readable:
            return {task_wait::kind::readable, {}, transport_.wait_fd()};
        case wait_for::writable:
            return {task_wait::kind::writable, {}, transport_.wait_fd()};
        case wait_for::pause:
            return {task_wait::kind::until, clock::now() + result.pause, -1};
        default:
            break;
    }
    if (ready_next_ == ready_.packets.size() && batch_.made.empty()) {
        // Spares the driver a turn to find that it is too early for the next burst.
        if (batch_.pacing.early()) return {task_wait::kind::until, batch_.pacing.next(), -1};
        // Or that the queue is empty.
        if (emptied) {
            batch_.pacing.ran_empty();
            return {};
        }
    }
    return {task_wait::kind::again, {}, -1};
}

/// Have the next packets ready. Gives up the lock.
void driver::fill(std::unique_lock<std::mutex>& lock) noexcept {
    queue_.filled(filled_);
    const group_queue::part groups = queue_.to_fill();
    // A group without heaps is finished from the start.
    finished_some_ = finished_some_ || queue_.has_finished();
    lock.unlock();
    batch_.clear();
    ready_ = {};
    ready_next_ = 0;
    // Without memory for the books, packets that are on their way have to be released first.
    if (groups.first == nullptr || !batch_.made.reserve(batch_packets)) return;
    group_state* group = groups.first;
    while (batch_.has_room() && group->fill(batch_)) {
        finished_some_ = finished_some_ || group->unfinished == 0;
        group = group == groups.last ? nullptr : group->next;
        if (group == nullptr) break;
    }
    filled_ = {group, groups.last};
    ready_ = batch_.ready();
}

void driver::account(std::span<const packet> given, const send_result& result) noexcept {
    ready_next_ += result.accepted;
    if (batch_.made.released(result.released)) finished_some_ = true;
    if (result.failed == 0) return;
    const auto fail = [&](std::size_t count, std::size_t substream) {
        if (batch_.made.failed(count, result.error, substream)) finished_some_ = true;
    };
    if (result.failed_substream != send_result::unknown || result.failed > result.accepted) {
        fail(result.failed, result.failed_substream);
        return;
    }
    // They are the last of those given: each failed on its way to where it says itself.
    std::span<const packet> left = given.first(result.accepted).last(result.failed);
    while (!left.empty()) {
        const std::size_t substream = left.front().substream;
        const auto end = std::find_if(left.begin(), left.end(), [substream](const packet& p) {
            return p.substream != substream;
        });
        const auto count = static_cast<std::size_t>(end - left.begin());
        fail(count, substream);
        left = left.subspan(count);
    }
}

/// \return whether the queue was empty then
bool driver::complete_groups(std::unique_lock<std::mutex>& lock) noexcept {
    finished_some_ = false;
    queue_.filled(filled_);
    const group_queue::list finished = queue_.take_finished();
    const bool emptied = queue_.empty();
    completed_.hand_over(finished, lock);
    return emptied;
}

std::size_t driver::fail_all(const std::error_code& error,
                             std::unique_lock<std::mutex>& lock) noexcept {
    lock.unlock();
    transport_.quiesce();
    lock.lock();
    ready_ = {};
    ready_next_ = 0;
    batch_.made.clear();
    finished_some_ = false;
    filled_ = {};
    const group_queue::list all = queue_.take_all(error);
    completed_.hand_over(all, lock);
    return all.unsent;
}

}  // namespace spead2::send::detail
