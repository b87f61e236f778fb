// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/rate_limiter.h>

#include <algorithm>
#include <cmath>

namespace spead2 {
namespace {

// A year: keeps absurdly low rates from overflowing the clock.
constexpr double max_seconds = 3.2e7;

// How late a burst may be and still count as on time, beside a tenth of its own length: timers wake
// a thread some tens of microseconds late. With it any window of 1 ms or more keeps within a tenth
// of (rate x window + burst_size) at the default burst rate.
constexpr double wakeup_slack = 5e-5;

std::chrono::nanoseconds to_nanoseconds(double seconds) {
    return std::chrono::nanoseconds(
        static_cast<std::int64_t>(std::min(seconds, max_seconds) * 1e9));
}

}  // namespace

void rate_limiter::start(time_point now, double seconds_per_byte) noexcept {
    const double length = static_cast<double>(burst_size_) * seconds_per_byte;
    const double slack =
        std::min(length, 0.1 * length + (burst_rate_ratio_ > 1.0 ? wakeup_slack : 0.0));
    burst_time_ = std::max(burst_time_, now - to_nanoseconds(slack));
    used_ = 0;
    exhausted_ = false;
}

void rate_limiter::idle(time_point now, double seconds_per_byte) noexcept {
    if (rate_time_ >= now) return;
    rate_time_ = now;
    rate_fraction_ = 0.0;
    start(now, seconds_per_byte);
}

void rate_limiter::settle() noexcept {
    const double nanoseconds = std::min(pending_, max_seconds) * 1e9 + rate_fraction_;
    const double whole = std::floor(nanoseconds);
    rate_fraction_ = nanoseconds - whole;
    rate_time_ += std::chrono::nanoseconds(static_cast<std::int64_t>(whole));
    burst_time_ += to_nanoseconds(pending_ / burst_rate_ratio_);
    pending_ = 0.0;
}

}  // namespace spead2
