// SPDX-License-Identifier: Apache-2.0
// Small groups that an event loop queues: does it pay that a worker sends them while the thread that
// queues makes more?
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <utility>

namespace spead2::send::detail {

/// Tells by trying: both ways are measured over some windows, then the faster one stays for many, then both
/// are measured again. Two threads are faster as soon as both have enough to do. One is, if whoever queues
/// waits for what he has just queued, or if there is no core for the other; so two have to be faster by a
/// tenth.
class worker_trial {
public:
    using clock = std::chrono::steady_clock;

    /// Whether a worker is to send.
    [[nodiscard]] bool worker() const noexcept { return worker_; }

    /// So many bytes (or what takes as long) were queued. \return whether a window is full
    [[nodiscard]] bool add(std::uint64_t bytes) noexcept {
        bytes_ += bytes;
        return bytes_ >= window;
    }
    void end_window(clock::time_point now) noexcept {
        const double took = seconds(now - start_).count() / static_cast<double>(bytes_);
        start_ = now;
        bytes_ = 0;
        if (--left_ >= measured) return;  // it stays as it is
        double& best = best_[worker_ ? 1 : 0];
        // The first window has what was queued the other way.
        if (left_ != measured - 1) best = std::min(best, took);
        if (left_ > 0) return;
        left_ = measured;
        if (std::exchange(both_, !both_))
            decide();
        else
            worker_ = !worker_;
    }

    static constexpr std::uint64_t window = 4 << 20;  ///< bytes, some 300 us
    static constexpr int measured = 4;  ///< windows a measurement, of which the fastest counts

private:
    static constexpr int least_stay = 64;
    static constexpr int most_stay = 4096;
    // Where fewer heaps are in flight from now on the worker is up to three times slower; the loop alone
    // never is.
    static constexpr int most_stay_worker = 256;
    static constexpr double never = std::numeric_limits<double>::infinity();

    using seconds = std::chrono::duration<double>;

    /// Both are measured.
    void decide() noexcept {
        worker_ = best_[1] < 0.9 * best_[0];
        stay_ = worker_ == stayed_ ? std::min(2 * stay_, worker_ ? most_stay_worker : most_stay)
                                   : least_stay;
        stayed_ = worker_;
        left_ = stay_ + measured;
        best_ = {never, never};
    }

    bool worker_ = false;
    bool both_ = false;    ///< the other way was measured before
    bool stayed_ = false;  ///< what was faster last time
    int left_ = measured;  ///< windows until something changes
    int stay_ = least_stay;
    std::uint64_t bytes_ = 0;
    clock::time_point start_{};
    std::array<double, 2> best_{never,
                                never};  ///< seconds a byte, of the loop's thread and of the worker
};

}  // namespace spead2::send::detail
