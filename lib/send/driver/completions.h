// SPDX-License-Identifier: Apache-2.0
// Hands finished groups to those who wait for them, or to their faces, in order, and counts them for
// those who flush. Everything here is under the stream's lock, but for the faces' complete().
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "driver_role.h"
#include "group_queue.h"

namespace spead2::send::detail {

class completions {
public:
    explicit completions(driver_role& role) noexcept : role_(role) {}

    /// Hand over all groups of the list. \param lock  given up while a face has its turn
    void hand_over(const group_queue::list& groups, std::unique_lock<std::mutex>& lock) noexcept;

    /// Groups that were handed over, which includes that their complete() has returned.
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    /// Whether the caller is within complete().
    [[nodiscard]] bool is_within() const noexcept { return thread_ == std::this_thread::get_id(); }

    /// Sleep until the count has reached \a target, or has changed, or \a limit has passed.
    /// \return false if the time has passed
    bool wait(std::unique_lock<std::mutex>& lock, std::uint64_t target,
              std::chrono::milliseconds limit);

private:
    [[nodiscard]] bool wake(group_state& group) noexcept;

    driver_role& role_;
    std::uint64_t count_ = 0;
    std::thread::id thread_;  ///< that is within complete()
    unsigned flushing_ = 0;   ///< threads that sleep
    std::condition_variable changed_;
};

}  // namespace spead2::send::detail
