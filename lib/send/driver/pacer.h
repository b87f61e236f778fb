// SPDX-License-Identifier: Apache-2.0
// Paces the batches of a stream: whether packets with a rate may go into the one being filled, and how
// many. The schedule itself is rate_limiter's.
#pragma once

#include <cstddef>
#include <span>

#include <spead2/send/config.h>
#include <spead2/send/packets.h>

#include "rate_limiter.h"

namespace spead2::send::detail {

/// For each batch: start_batch(); for each run of packets that has a rate fitting(), and add() for
/// what was made of it; when the transport was asked, sent().
class pacer {
public:
    using time_point = rate_limiter::time_point;

    explicit pacer(const stream_config& config) noexcept
        : limiter_(config.burst_size(), config.burst_rate_ratio()) {}

    void start_batch() noexcept {
        open_ = false;
        closed_ = false;
    }
    /// How many packets of \a bytes each may go. None: the batch is to go as it is, and the next one
    /// not before next().
    [[nodiscard]] std::size_t fitting(std::size_t bytes, double seconds_per_byte) noexcept {
        if (!open_ && !open(seconds_per_byte)) return 0;
        const std::size_t n = limiter_.fitting(bytes);
        if (n == 0) {
            limiter_.exhaust();
            closed_ = true;
        }
        return n;
    }
    /// Packets were made: so many bytes altogether.
    void add(std::size_t bytes, double seconds_per_byte) noexcept {
        limiter_.add(bytes, seconds_per_byte);
    }
    /// Whether fitting() had to say none.
    [[nodiscard]] bool closed() const noexcept { return closed_; }

    /// Say when the first of the packets was due, if they have a schedule.
    void tell_schedule(packet_span& packets) const noexcept {
        if (!limiter_.unsent()) return;
        packets.due = limiter_.due();
        packets.seconds_per_byte = limiter_.seconds_per_byte();
    }
    /// The first \a accepted of the packets went. Reads the clock if any of them has a rate.
    void sent(std::span<const packet> packets, std::size_t accepted) noexcept;
    /// Whether, as of the last sent(), nothing with a rate may go before next().
    [[nodiscard]] bool early() const noexcept {
        return limiter_.exhausted() && last_sent_ < limiter_.next();
    }
    [[nodiscard]] time_point next() const noexcept { return limiter_.next(); }

    /// The queue ran empty: time in which there is nothing to send is not made up for.
    void ran_empty() noexcept { ran_empty_ = true; }

private:
    [[nodiscard]] bool open(double seconds_per_byte) noexcept;

    rate_limiter limiter_;
    time_point last_sent_ = time_point::max();  ///< max: nothing with a rate
    bool ran_empty_ = true;                     ///< since the last burst
    bool open_ = false;                         ///< packets with a rate may go into the batch
    bool closed_ = false;
};

}  // namespace spead2::send::detail
