// SPDX-License-Identifier: Apache-2.0
// When the next burst may go. Knows nothing of packets or threads, and never reads a clock itself.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace spead2::send {

/// Bursts of a number of bytes, on two schedules that are both absolute: one at the target rate,
/// which fixes the average and has no drift, and one at the burst rate, which bounds how fast a
/// delay is made up for.
///
/// Before a burst: if exhausted(), wait until next(), then start(). Then add() what is to be sent, up
/// to fitting() packets; when no more fits, exhaust(). Whatever was added has to be sent(), all of it
/// before the next start().
///
/// However late packets go and however long sending them takes, any window of 1 ms or more (W) has
/// at most 1.1 x burst_size + (burst_rate_ratio + 0.05) x rate x W in it: with the default ratio a
/// tenth more than rate x W + burst_size. It holds for packets that leave between start() and
/// sent().
class rate_limiter {
public:
    using clock = std::chrono::steady_clock;
    using time_point = clock::time_point;

    /// \param burst_size        bytes
    /// \param burst_rate_ratio  burst rate as a ratio to the target rate
    rate_limiter(std::size_t burst_size, double burst_rate_ratio) noexcept
        : burst_size_(burst_size), burst_rate_ratio_(burst_rate_ratio) {}

    /// Whether the burst is used up, so that there is something to wait for.
    [[nodiscard]] bool exhausted() const noexcept { return exhausted_; }
    /// Earliest time of the next burst.
    [[nodiscard]] time_point next() const noexcept {
        return rate_time_ > burst_time_ ? rate_time_ : burst_time_;
    }
    /// The next burst starts; \a seconds_per_byte is the (inverse) rate of its first packet.
    void start(double seconds_per_byte) noexcept;
    /// There was nothing to send up to \a now: if that was longer than what was sent before has
    /// time for, it does not count, and a new burst starts if it may.
    void idle(time_point now, double seconds_per_byte) noexcept;

    /// How many packets of \a bytes each may go in this burst; one packet always may.
    [[nodiscard]] std::size_t fitting(std::size_t bytes) const noexcept {
        const std::size_t room = burst_size_ - std::min(used_, burst_size_);
        return bytes <= room ? room / bytes : used_ == 0 ? 1 : 0;
    }
    /// Packets were added to the burst: so many bytes altogether.
    void add(std::size_t bytes, double seconds_per_byte) noexcept {
        used_ += bytes;
        unsent_ += static_cast<double>(bytes) * seconds_per_byte;
        unsent_bytes_ += static_cast<double>(bytes);
    }
    /// Whether something was added that is not sent yet.
    [[nodiscard]] bool unsent() const noexcept { return unsent_ != 0.0; }
    /// When the first of what is unsent() was due at the target rate, however late it goes.
    [[nodiscard]] time_point due() const noexcept { return rate_time_; }
    /// Seconds for each byte of what is unsent() at the target rate.
    [[nodiscard]] double seconds_per_byte() const noexcept { return unsent_ / unsent_bytes_; }
    /// It went, or \a part of it (from 0 to 1: all), and \a now is after that.
    void sent(time_point now, double part) noexcept;
    void exhaust() noexcept { exhausted_ = true; }

private:
    std::size_t burst_size_;
    double burst_rate_ratio_;
    std::size_t used_ = 0;              ///< bytes of the burst
    double unsent_ = 0.0;               ///< seconds that what was added takes at the target rate
    double unsent_bytes_ = 0.0;         ///< and its bytes
    std::chrono::nanoseconds slack_{};  ///< how late what is sent may be and still be on time
    bool exhausted_ = false;
    time_point rate_time_{};
    double rate_fraction_ = 0.0;  ///< nanoseconds below the clock's resolution, in [0, 1)
    time_point burst_time_{};
    time_point last_sent_{};
};

}  // namespace spead2::send
