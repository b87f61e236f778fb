// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <optional>

namespace spead2::detail {

/// epoll_wait with a deadline in nanoseconds where the kernel has it (Linux 5.11), else rounded up
/// to milliseconds.
int wait_events(int epoll, epoll_event* events, int n,
                std::optional<std::chrono::steady_clock::time_point> deadline);

}  // namespace spead2::detail
