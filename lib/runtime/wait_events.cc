// SPDX-License-Identifier: Apache-2.0
#include "wait_events.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

namespace spead2::detail {

using clock = std::chrono::steady_clock;

int wait_events(int epoll, epoll_event* events, int n, std::optional<clock::time_point> deadline) {
    static std::atomic<bool> have_pwait2{true};
    if (!deadline) return ::epoll_wait(epoll, events, n, -1);
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::max(*deadline - clock::now(), clock::duration::zero()));
#ifdef SYS_epoll_pwait2
    if (have_pwait2.load(std::memory_order_relaxed)) {
        const timespec timeout{static_cast<time_t>(left.count() / 1'000'000'000),
                               static_cast<long>(left.count() % 1'000'000'000)};
        const long result =
            ::syscall(SYS_epoll_pwait2, epoll, events, n, &timeout, nullptr, sizeof(sigset_t));
        if (result >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(result);
        have_pwait2.store(false, std::memory_order_relaxed);
    }
#endif
    const auto ms = std::min<std::int64_t>((left.count() + 999'999) / 1'000'000, 1'000'000);
    return ::epoll_wait(epoll, events, n, static_cast<int>(ms));
}

}  // namespace spead2::detail
