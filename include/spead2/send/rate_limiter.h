// SPDX-License-Identifier: Apache-2.0
// When the next burst may go. Knows nothing of packets or threads, and never reads a clock itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace spead2 {

/// Two schedules, both absolute: one at the target rate, which fixes the average and has no drift,
/// and one at the burst rate, which bounds how fast a delay is made up for.
class rate_limiter {
public:
    using clock = std::chrono::steady_clock;
    using time_point = clock::time_point;

    /// Earliest time of the next burst.
    [[nodiscard]] time_point next() const noexcept {
        return rate_time_ > burst_time_ ? rate_time_ : burst_time_;
    }

    /// A burst starts at \a now after the queue had run empty: time that passed idle does not
    /// count.
    void resume(time_point now) noexcept;

    /// A burst was sent at \a now.
    /// \param seconds        what it takes at the target rate (sum of bytes / rate)
    /// \param burst_seconds  what it takes at the burst rate
    /// \param slack_seconds  how late a burst may be and still be followed as if it were on time
    void sent(time_point now, double seconds, double burst_seconds, double slack_seconds) noexcept;

private:
    time_point rate_time_{};
    double rate_fraction_ = 0.0;  ///< nanoseconds below the clock's resolution, in [0, 1)
    time_point burst_time_{};
};

}  // namespace spead2
