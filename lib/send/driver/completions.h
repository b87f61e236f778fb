// SPDX-License-Identifier: Apache-2.0
// Hands finished groups to their faces, in order, and counts them for those who flush.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "group_queue.h"

namespace spead2::send::detail {

class completions {
public:
    /// Hand over all groups of the list. Without the stream's lock, which is \a mutex.
    void hand_over(const group_queue::list& groups, std::mutex& mutex) noexcept;

    /// Groups that were handed over, which includes that their complete() has returned.
    [[nodiscard]] std::uint64_t count() const noexcept { return count_.load(); }
    /// Whether the caller is within complete().
    [[nodiscard]] bool is_within() const noexcept {
        return thread_.load() == std::this_thread::get_id();
    }

    /// Sleep until the count has reached \a target, or has changed, or \a limit has passed. Under the
    /// stream's lock. \return false if the time has passed
    bool wait(std::unique_lock<std::mutex>& lock, std::uint64_t target,
              std::chrono::milliseconds limit);

private:
    std::atomic<std::uint64_t> count_{0};
    std::atomic<std::thread::id> thread_{};
    std::atomic<unsigned> waiting_{0};
    std::condition_variable changed_;
};

}  // namespace spead2::send::detail
