// SPDX-License-Identifier: Apache-2.0
// When to look at a socket again that has nothing more. To be woken for each message costs its sender
// (who does the waking) and us more than the message does; where the next ones are sure to come soon,
// a short pause is cheaper than any wake-up, and finds several of them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace spead2::recv {

/// How often messages come, and how large they are.
class arrivals {
public:
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::steady_clock::time_point;

    /// What a pause adds to the time that a message takes, at most.
    static constexpr duration longest{50'000};
    /// A shorter one saves nothing.
    static constexpr duration shortest{5'000};

    /// \param buffer  bytes that the kernel keeps meanwhile; a pause lets a quarter of them fill up
    explicit arrivals(std::size_t buffer) noexcept : buffer_(buffer) {}

    /// All that was there has been taken: so many messages, at least one.
    void drained(time_point now, std::size_t messages, std::size_t bytes) noexcept {
        const auto n = static_cast<double>(messages);
        const double since =
            std::min(static_cast<double>(duration(now - last_).count()) / n, seldom);
        last_ = now;
        interval_ += (since - interval_) / 4;
        size_ = std::max(1.0, static_cast<double>(bytes) / n);
    }

    /// Nothing had come in a pause.
    void missed() noexcept { interval_ = seldom; }

    /// How long to pause; zero: wait for the next message instead.
    [[nodiscard]] duration pause() const noexcept {
        if (interval_ > static_cast<double>(longest.count())) return duration::zero();
        const double fills = static_cast<double>(buffer_) / 4 / size_ * interval_;
        const duration result(
            static_cast<duration::rep>(std::min(static_cast<double>(longest.count()), fills)));
        return result < shortest ? duration::zero() : result;
    }

private:
    static constexpr double seldom = 1e6;  ///< nanoseconds; beyond that it makes no difference

    std::size_t buffer_;
    time_point last_{};
    double interval_ = seldom;  ///< nanoseconds a message, of the last few
    double size_ = 1;           ///< bytes a message
};

}  // namespace spead2::recv
