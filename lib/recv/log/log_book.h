// SPDX-License-Identifier: Apache-2.0
// Log messages of a stream: gathered while packets are taken, and never more than a few a second,
// however bad the packets are that come.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <spead2/base/log.h>

namespace spead2::recv {

/// Says which messages are too many. Not for several threads.
class log_limiter {
public:
    static constexpr unsigned per_second = 100;

    /// Whether another message may go now. Only asked when there is one: it reads the clock.
    [[nodiscard]] bool admit() noexcept;
    /// Messages that were not admitted, if it is time to say so; they count as told then.
    /// \param now  do not wait for the second to end
    [[nodiscard]] std::uint64_t take_left_out(bool now = false) noexcept;
    [[nodiscard]] bool has_left_out() const noexcept { return left_out_ != 0; }
    [[nodiscard]] static std::string text(std::uint64_t left_out);

private:
    using clock = std::chrono::steady_clock;
    clock::time_point begin_{};
    unsigned admitted_ = 0;
    std::uint64_t left_out_ = 0;
};

/// What a stream has to say. Used under its lock.
class log_book {
public:
    template <typename Text>
    void add(log_level level, Text&& text) {
        if (!limiter_.admit()) return;
        note_left_out(false);
        messages_.emplace_back(level, std::forward<Text>(text)());
    }
    /// \param now  say at once how many messages were left out
    void note_left_out(bool now) {
        if (!limiter_.has_left_out()) return;
        if (const std::uint64_t n = limiter_.take_left_out(now); n != 0)
            messages_.emplace_back(log_level::warning, log_limiter::text(n));
    }
    void write() noexcept {
        if (messages_.empty()) return;
        for (const auto& [level, text] : messages_) log_message(level, text);
        messages_.clear();
    }

private:
    log_limiter limiter_;
    std::vector<std::pair<log_level, std::string>> messages_;
};

}  // namespace spead2::recv
