// SPDX-License-Identifier: Apache-2.0
#include "reminder.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>
#include <vector>

namespace spead2::python {
namespace {

std::int64_t now() noexcept { return std::chrono::steady_clock::now().time_since_epoch().count(); }

}  // namespace

/// The thread. It sleeps unless something was deferred not long ago; setting the timer, which is
/// done once for many deferrals, does not wake it.
class reminder {
public:
    static reminder& instance() {
        // Never destroyed: the thread runs until the process ends.
        static reminder* const only = std::make_unique<reminder>().release();
        return *only;
    }

    reminder() : timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
        if (timer_ < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
        std::thread([this] { run(); }).detach();
    }

    void add(const std::shared_ptr<deferral>& d) {
        if (!d->registered_.exchange(true)) {
            const std::lock_guard lock(mutex_);
            deferrals_.push_back(d);
        }
        if (!armed_.exchange(true)) arm();
    }

private:
    void arm() const noexcept {
        itimerspec time{};
        time.it_value.tv_nsec = std::chrono::nanoseconds(deferral::patience).count();
        static_cast<void>(::timerfd_settime(timer_, 0, &time, nullptr));
    }

    void run() noexcept {
        for (;;) {
            std::uint64_t count = 0;
            if (::read(timer_, &count, sizeof count) < 0 && errno != EINTR) return;
            armed_ = false;
            if (look() && !armed_.exchange(true)) arm();
        }
    }

    /// Kick what waits too long. \return whether something may have to be kicked later
    bool look() noexcept {
        constexpr std::int64_t patience = std::chrono::nanoseconds(deferral::patience).count();
        std::vector<std::shared_ptr<deferral>> all;
        {
            const std::lock_guard lock(mutex_);
            all.swap(deferrals_);
        }
        bool more = false;
        const std::int64_t latest = now() - patience;
        for (std::shared_ptr<deferral>& d : all) {
            d->registered_ = false;
            std::int64_t since = d->since_.load();
            if (since == 0) continue;
            if (since <= latest) {
                if (!d->since_.compare_exchange_strong(since, 0)) continue;
                const std::lock_guard lock(d->mutex_);
                if (d->stream_ != nullptr) d->stream_->kick(drive::worker);
                continue;
            }
            more = true;
            if (!d->registered_.exchange(true)) {
                const std::lock_guard lock(mutex_);
                deferrals_.push_back(std::move(d));
            }
        }
        return more;
    }

    const int timer_;
    std::atomic<bool> armed_{false};
    std::mutex mutex_;
    std::vector<std::shared_ptr<deferral>> deferrals_;
};

void deferral::begin(const std::shared_ptr<deferral>& self) {
    self->since_.store(now());
    reminder::instance().add(self);
}

}  // namespace spead2::python
