// SPDX-License-Identifier: Apache-2.0
// A bound on how long heaps stay queued without anybody driving their stream.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

#include <spead2/send/stream.h>

#include "engine.h"

namespace spead2::python {

/// Heaps that were queued on a stream to be kicked later, when there are more of them or the event
/// loop gets to it. If that takes longer than `patience`, a thread of this class gives them to a
/// worker of the stream.
class deferral {
public:
    static constexpr std::chrono::microseconds patience{200};

    deferral() = default;
    deferral(const deferral&) = delete;
    deferral& operator=(const deferral&) = delete;

    /// Before the first begin().
    void attach(stream& s) noexcept { stream_ = &s; }
    /// Before the stream is destroyed.
    void detach() noexcept {
        const std::lock_guard lock(mutex_);
        stream_ = nullptr;
    }

    [[nodiscard]] bool active() const noexcept {
        return since_.load(std::memory_order_relaxed) != 0;
    }
    /// Something was queued that nobody drives yet. \a self is this object.
    static void begin(const std::shared_ptr<deferral>& self);
    /// The stream is about to be kicked.
    void end() noexcept { since_.store(0, std::memory_order_relaxed); }

private:
    friend class reminder;
    std::mutex mutex_;  // held while the stream is kicked
    stream* stream_ = nullptr;
    std::atomic<std::int64_t> since_{0};   ///< ns of the steady clock; 0: not active
    std::atomic<bool> registered_{false};  ///< the thread looks after it
};

}  // namespace spead2::python
