// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/rate_limiter.h>

#include <algorithm>
#include <cmath>

namespace spead2 {
namespace {

// A year: keeps absurdly low rates from overflowing the clock.
constexpr double max_seconds = 3.2e7;

std::chrono::nanoseconds to_nanoseconds(double seconds) {
    return std::chrono::nanoseconds(
        static_cast<std::int64_t>(std::min(seconds, max_seconds) * 1e9));
}

}  // namespace

void rate_limiter::resume(time_point now) noexcept {
    if (rate_time_ < now) {
        rate_time_ = now;
        rate_fraction_ = 0.0;
    }
}

void rate_limiter::sent(time_point now, double seconds, double burst_seconds,
                        double slack_seconds) noexcept {
    const double nanoseconds = std::min(seconds, max_seconds) * 1e9 + rate_fraction_;
    const double whole = std::floor(nanoseconds);
    rate_fraction_ = nanoseconds - whole;
    rate_time_ += std::chrono::nanoseconds(static_cast<std::int64_t>(whole));
    burst_time_ =
        std::max(burst_time_, now - to_nanoseconds(slack_seconds)) + to_nanoseconds(burst_seconds);
}

}  // namespace spead2
