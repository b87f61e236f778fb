// SPDX-License-Identifier: Apache-2.0
#include "completions.h"

namespace spead2::send::detail {

void completions::hand_over(const group_queue::list& groups, std::mutex& mutex) noexcept {
    if (groups.groups == 0) return;
    thread_.store(std::this_thread::get_id());
    for (group_state* next = groups.first; next != nullptr;) {
        group_state& group = *next;
        next = group.next;
        group.complete();
    }
    thread_.store(std::thread::id());
    count_.fetch_add(groups.groups);
    if (waiting_.load() != 0) {
        const std::lock_guard lock(mutex);
        changed_.notify_all();
    }
}

bool completions::wait(std::unique_lock<std::mutex>& lock, std::uint64_t target,
                       std::chrono::milliseconds limit) {
    ++waiting_;
    bool in_time = true;
    if (count_.load() < target)
        in_time = changed_.wait_for(lock, limit) == std::cv_status::no_timeout;
    --waiting_;
    return in_time;
}

}  // namespace spead2::send::detail
