// SPDX-License-Identifier: Apache-2.0
// Keeps a message that may come for every heap or packet from filling the log.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace spead2 {

/// Counts a message, and says when to tell it: the first time, then at most once a second. From any
/// thread.
class repeated_message {
public:
    /// It is to be told once more. \return how often it was not told since it was told last; nothing:
    /// it is not to be told now either
    [[nodiscard]] std::optional<std::uint64_t> tell() noexcept {
        const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
        std::int64_t next = next_.load(std::memory_order_relaxed);
        constexpr std::chrono::nanoseconds pause = std::chrono::seconds(1);
        if (now >= next && next_.compare_exchange_strong(next, now + pause.count()))
            return untold_.exchange(0, std::memory_order_relaxed);
        untold_.fetch_add(1, std::memory_order_relaxed);
        return std::nullopt;
    }

private:
    std::atomic<std::int64_t> next_{0};  ///< nanoseconds of the steady clock
    std::atomic<std::uint64_t> untold_{0};
};

}  // namespace spead2
