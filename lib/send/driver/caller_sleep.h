// SPDX-License-Identifier: Apache-2.0
// How a thread that drives a stream, and is not a worker, waits for what the stream waits for.
#pragma once

#include <chrono>

#include <spead2/runtime/thread_pool.h>

namespace spead2::send::detail {

/// Sleeps as precisely as the machine can while this lives; afterwards the thread is as before.
class caller_sleep {
public:
    using clock = std::chrono::steady_clock;

    caller_sleep() = default;
    caller_sleep(const caller_sleep&) = delete;
    caller_sleep& operator=(const caller_sleep&) = delete;
    ~caller_sleep();

    /// Wait for that, but no longer than until \a limit. \return whether a signal came before
    bool wait(const task_wait& what, clock::time_point limit) noexcept;

private:
    bool sleep_until(clock::time_point time) noexcept;

    int slack_ = 0;  ///< the thread's, nanoseconds, before the first sleep
};

}  // namespace spead2::send::detail
