// SPDX-License-Identifier: Apache-2.0
// When it is worthwhile to send small groups that were queued to be sent together.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace spead2::send::detail {

/// Groups that nobody drives yet. Under the stream's lock, but for active().
class gathering {
public:
    using clock = std::chrono::steady_clock;

    /// \param max_heaps  of the queue
    explicit gathering(std::size_t max_heaps) noexcept
        : enough_heaps_(std::min(many_heaps, max_heaps)) {}

    enum class verdict : std::uint8_t {
        wait,    ///< for more
        enough,  ///< the gain of larger batches is small
        worker,  ///< so much is worth waking a worker for
    };
    /// A group was queued.
    [[nodiscard]] verdict add(std::size_t heaps, std::uint64_t bytes) noexcept {
        if (bytes >= worker_bytes) return verdict::worker;
        heaps_ += heaps;
        bytes_ += bytes;
        return heaps_ >= enough_heaps_ || bytes_ >= many_bytes ? verdict::enough : verdict::wait;
    }

    /// Whether groups wait to be driven.
    [[nodiscard]] bool active() const noexcept { return active_.load(std::memory_order_relaxed); }
    [[nodiscard]] clock::time_point since() const noexcept { return since_; }
    void begin() noexcept {
        since_ = clock::now();
        active_.store(true, std::memory_order_relaxed);
    }
    /// They are being driven.
    void end() noexcept {
        active_.store(false, std::memory_order_relaxed);
        heaps_ = 0;
        bytes_ = 0;
    }

private:
    static constexpr std::uint64_t worker_bytes = 64 * 1024;
    static constexpr std::size_t many_heaps = 32;
    static constexpr std::uint64_t many_bytes = 256 * 1024;

    const std::size_t enough_heaps_;
    std::size_t heaps_ = 0;
    std::uint64_t bytes_ = 0;
    clock::time_point since_{};
    std::atomic<bool> active_{false};
};

}  // namespace spead2::send::detail
