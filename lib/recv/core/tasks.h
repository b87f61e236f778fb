// SPDX-License-Identifier: Apache-2.0
// What a stream's core is made of besides itself: its readers and itself as tasks of a worker, and who
// holds its lock.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include <spead2/recv/reader.h>
#include <spead2/runtime/thread_pool.h>
#include <spead2/runtime/waiter.h>

#include "stream_core.h"

namespace spead2::recv {

/// A reader as the worker sees it.
class stream_core::reader_task final : public pool_task,
                                       public waiter,
                                       public std::enable_shared_from_this<reader_task> {
public:
    reader_task(std::shared_ptr<stream_core> core, std::unique_ptr<reader> from)
        : core_(std::move(core)), source(std::move(from)) {}

    [[nodiscard]] task_wait run() noexcept override;
    void stopped() noexcept override {}
    void ready() noexcept override { wake(); }

    void wake() noexcept {
        try {
            static_cast<void>(core_->worker_->wake(shared_from_this()));
        } catch (const std::exception&) {
            // No memory; whoever waits for more packets asks again.
        }
    }

private:
    const std::shared_ptr<stream_core> core_;

public:
    // Under the stream's lock.
    std::unique_ptr<reader> source;
    bool started = false;
    bool ended = false;
    bool paused = false;
    std::shared_ptr<const void> kept;  ///< of the source, which is closed
    bool timer_wanted = false;         ///< set by whoever has read in the worker's place
    std::uint64_t batch_packets = 0;   ///< of the batch so far
};

/// Has a worker resume a stream, or stop it.
class stream_core::errand final : public pool_task {
public:
    explicit errand(std::weak_ptr<stream_core> core) : core_(std::move(core)) {}
    [[nodiscard]] task_wait run() noexcept override {
        const auto core = core_.lock();
        if (!core) return {};
        if (core->stop_wanted_.load())
            core->stop();
        else
            core->resume(false);
        return {};
    }
    void stopped() noexcept override {}

private:
    const std::weak_ptr<stream_core> core_;
};

/// Holds the lock; what was logged meanwhile is written at its end. Does nothing if the caller holds it
/// already.
class stream_core::locked {
public:
    explicit locked(stream_core& core) : core_(core), nested_(core.held_by_caller()) {
        if (nested_) return;
        core_.mutex_.lock();
        core_.holder_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    }
    locked(const locked&) = delete;
    locked& operator=(const locked&) = delete;
    ~locked() {
        if (nested_) return;
        core_.log_.write();
        // Whoever was told of it may have called stop() from there.
        if (core_.stop_wanted_.load() && !core_.stopped()) {
            core_.stop_now();
            core_.log_.write();
        }
        core_.holder_.store({}, std::memory_order_relaxed);
        core_.mutex_.unlock();
    }
    [[nodiscard]] bool nested() const noexcept { return nested_; }

private:
    stream_core& core_;
    const bool nested_;
};

}  // namespace spead2::recv
