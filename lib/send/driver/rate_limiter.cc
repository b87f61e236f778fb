// SPDX-License-Identifier: Apache-2.0
#include "rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace spead2::send {
namespace {

// A year: keeps absurdly low rates from overflowing the clock.
constexpr double max_seconds = 3.2e7;

// Why the window rule of the class holds, whatever the delays. B is the burst size, R the rate,
// L = B / R the length of a burst, p the burst rate ratio, S the slack. burst_time_ + S is when a
// bucket that drains at p x R runs empty. sent() puts bytes into it after they went (counted earlier,
// they would have drained before they went), and time in which it was empty is lost. A burst starts
// when at most p x R x S is left, so there is never more than B + p x R x S in it, and what goes
// within W is at most that and what drains meanwhile: B + p x R x (W + S). With
//     S = (0.1 x L + 0.05 x 1 ms) / p
// that is 1.1 x B + p x R x W + 0.05 x R x 1 ms. For the average S should be large: a burst that has
// gone at most S late, the system call included, holds up nothing after it. S is 110 us at 100 MB/s
// and 54 us at 1 GB/s with the default burst.
constexpr double slack_bursts = 0.1;
constexpr double slack_seconds = 5e-5;

/// Not a number (no bytes, each of which takes for ever) counts as too large.
double capped(double seconds) { return seconds < max_seconds ? seconds : max_seconds; }

std::chrono::nanoseconds to_nanoseconds(double seconds) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

}  // namespace

void rate_limiter::start(double seconds_per_byte) noexcept {
    const double length = capped(static_cast<double>(burst_size_) * seconds_per_byte);
    slack_ = to_nanoseconds((slack_bursts * length + slack_seconds) / burst_rate_ratio_);
    used_ = 0;
    exhausted_ = false;
}

void rate_limiter::idle(time_point now, double seconds_per_byte) noexcept {
    if (rate_time_ >= now) return;
    // What was late before does count, as far as it counts as on time.
    rate_time_ = now - std::clamp(last_sent_ - rate_time_, {}, slack_);
    rate_fraction_ = 0.0;
    if (burst_time_ <= now) start(seconds_per_byte);
}

void rate_limiter::sent(time_point now, double part) noexcept {
    last_sent_ = now;
    unsent_ = capped(unsent_);
    const double seconds = unsent_ * part;
    unsent_ = part < 1.0 ? unsent_ - seconds : 0.0;
    unsent_bytes_ = part < 1.0 ? unsent_bytes_ * (1.0 - part) : 0.0;
    const double nanoseconds = seconds * 1e9 + rate_fraction_;
    const double whole = std::floor(nanoseconds);
    rate_fraction_ = nanoseconds - whole;
    rate_time_ += std::chrono::nanoseconds(static_cast<std::int64_t>(whole));
    // Rounded up, so that many short bursts are not too early.
    burst_time_ = std::max(burst_time_, now - slack_) +
                  to_nanoseconds(seconds / burst_rate_ratio_) + std::chrono::nanoseconds(1);
}

}  // namespace spead2::send
