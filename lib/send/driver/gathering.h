// SPDX-License-Identifier: Apache-2.0
// When it is worthwhile to send small groups that were queued to be sent together.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "worker_trial.h"

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
        worker,  ///< the worker is to send them
    };
    /// A group was queued.
    [[nodiscard]] verdict add(std::size_t heaps, std::uint64_t bytes) noexcept {
        heaps_ += heaps;
        bytes_ += bytes;
        cost_ += bytes + heaps * heap_cost;
        if (bytes >= worker_bytes) return verdict::worker;
        const bool by_worker = trial_.worker();
        if (by_worker) tell_trial();
        if (heaps_ >= enough_heaps_ || bytes_ >= many_bytes) {
            if (by_worker) return verdict::worker;
            if (enough_heaps_ == many_heaps) tell_trial();
            return verdict::enough;
        }
        const bool few = heaps_ < few_heaps && bytes_ < few_bytes;
        return by_worker && !few ? verdict::worker : verdict::wait;
    }
    /// A group was queued while somebody drives.
    void add_to_driven(std::size_t heaps, std::uint64_t bytes) noexcept {
        cost_ += bytes + heaps * heap_cost;
        if (trial_.worker()) tell_trial();
    }
    /// Whether the worker will soon be given more.
    [[nodiscard]] bool goes_on() const noexcept { return trial_.worker(); }

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
        cost_ = 0;
    }

private:
    void tell_trial() noexcept {
        if (trial_.add(std::exchange(cost_, 0))) trial_.end_window(clock::now());
    }

    static constexpr std::uint64_t worker_bytes = 64 * 1024;  // worth waking it
    static constexpr std::size_t many_heaps = 32;
    static constexpr std::uint64_t many_bytes = 256 * 1024;
    static constexpr std::size_t few_heaps = 8;
    static constexpr std::uint64_t few_bytes = 64 * 1024;
    static constexpr std::uint64_t heap_cost = 4096;  // in bytes that are sent in the same time

    const std::size_t enough_heaps_;
    worker_trial trial_;
    std::size_t heaps_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t cost_ = 0;  ///< in bytes; that the trial does not know of
    clock::time_point since_{};
    std::atomic<bool> active_{false};
};

}  // namespace spead2::send::detail
