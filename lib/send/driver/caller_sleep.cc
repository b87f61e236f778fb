// SPDX-License-Identifier: Apache-2.0
#include "caller_sleep.h"

#include <poll.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace spead2::send::detail {

caller_sleep::~caller_sleep() {
    if (slack_ > 0) ::prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(slack_), 0UL, 0UL, 0UL);
}

bool caller_sleep::wait(const task_wait& what, clock::time_point limit) noexcept {
    switch (what.what) {
        case task_wait::kind::until:
            return sleep_until(std::min(what.time, limit));
        case task_wait::kind::readable:
        case task_wait::kind::writable: {
            const bool readable = what.what == task_wait::kind::readable;
            pollfd p{what.fd, static_cast<short>(readable ? POLLIN : POLLOUT), 0};
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(limit - clock::now());
            const auto timeout = static_cast<int>(std::max<std::int64_t>(left.count(), 1));
            return ::poll(&p, 1, timeout) < 0 && errno == EINTR;
        }
        default:
            return false;
    }
}

bool caller_sleep::sleep_until(clock::time_point time) noexcept {
    // The default slack of 50 us is most of a burst at 1 GB/s.
    if (slack_ == 0) {
        slack_ = ::prctl(PR_GET_TIMERSLACK);
        ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    }
    const auto since =
        std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
    const timespec target{static_cast<time_t>(since.count() / 1'000'000'000),
                          static_cast<long>(since.count() % 1'000'000'000)};
    return ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &target, nullptr) == EINTR;
}

}  // namespace spead2::send::detail
