// SPDX-License-Identifier: Apache-2.0
#include "completions.h"

#include <spead2/runtime/lock_soon.h>

namespace spead2::send::detail {

/// Tell the thread that waits for the group, which has it back then. \return false if there is none
bool completions::wake(group_state& group) noexcept {
    if (group.waiting == nullptr) return false;
    group.give_back();
    waiter& w = *group.waiting;
    w.done = true;
    const bool awake = w.drives;  // it is the caller
    role_.remove(w);
    if (!awake) w.changed.notify_one();
    return true;
}

void completions::hand_over(const group_queue::list& groups,
                            std::unique_lock<std::mutex>& lock) noexcept {
    for (group_state* next = groups.first; next != nullptr;) {
        group_state* group = next;
        next = group->next;
        if (wake(*group)) continue;
        thread_ = std::this_thread::get_id();
        lock.unlock();
        for (;;) {
            group->complete();
            if (next == nullptr || next->is_awaited) break;
            group = next;
            next = group->next;
        }
        lock_soon(lock);
        thread_ = {};
    }
    count_ += groups.groups;
    if (groups.groups != 0 && flushing_ != 0) changed_.notify_all();
}

bool completions::wait(std::unique_lock<std::mutex>& lock, std::uint64_t target,
                       std::chrono::milliseconds limit) {
    if (count_ >= target) return true;
    ++flushing_;
    const bool in_time = changed_.wait_for(lock, limit) == std::cv_status::no_timeout;
    --flushing_;
    return in_time;
}

}  // namespace spead2::send::detail
