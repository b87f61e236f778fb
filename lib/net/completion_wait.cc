// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "completion_wait.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <cerrno>

#include <spead2/base/log.h>

namespace spead2 {
namespace {

// When to look for completions although no interrupt has come.
constexpr std::chrono::milliseconds patience{100};
// Completions that are found after so long a wait should have woken it.
constexpr std::chrono::milliseconds lag{10};
// This many in a row that did not are not an accident.
constexpr int max_missed = 3;

}  // namespace

completion_wait::completion_wait(verbs_completion_queue& queue)
    : queue_(queue),
      timer_(queue.event_fd() < 0 ? -1
                                  : ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      epoll_(queue.event_fd() < 0 ? -1 : ::epoll_create1(EPOLL_CLOEXEC)),
      polling_(queue.event_fd() < 0) {
    if (polling_) return;
    epoll_event interest{};
    interest.events = EPOLLIN;
    if (timer_.get() < 0 || epoll_.get() < 0 ||
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &interest) != 0 ||
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, queue.event_fd(), &interest) != 0)
        verbs_device::fail(errno, "the descriptor to wait on cannot be made");
}

bool completion_wait::begin() noexcept {
    if (polling_ || queue_.arm() != 0) return false;
    armed_ = true;
    return true;
}

void completion_wait::sleep(clock::time_point now) noexcept {
    if (now >= timer_end_) {
        itimerspec time{};
        time.it_value.tv_nsec = std::chrono::nanoseconds(patience).count();
        ::timerfd_settime(timer_.get(), 0, &time, nullptr);
        timer_end_ = now + patience;
    }
    slept_ = true;
    sleep_start_ = now;
}

void completion_wait::take_event(bool found) noexcept {
    if (queue_.take_event()) {
        armed_ = false;
        missed_ = 0;
    } else if (found && clock::now() - sleep_start_ > lag && ++missed_ == max_missed) {
        polling_ = true;
        armed_ = false;
        log_message(log_level::warning,
                    name_ +
                        ": packets complete, but the completion interrupt does not come; polling "
                        "from now on");
    }
}

}  // namespace spead2

#endif
