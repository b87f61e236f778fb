// SPDX-License-Identifier: Apache-2.0
// Who drives: the one at a time who turns heaps into packets and hands them to the transport. A
// thread that waits for its heaps, a worker of the pool, or nobody. Everything here is under the
// stream's lock. What a driver does is stream_core's matter.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include <spead2/runtime/thread_pool.h>

namespace spead2::send::detail {

/// A thread that waits for its group.
struct waiter {
    std::condition_variable changed;
    bool done = false;    ///< the group is complete
    bool drives = false;  ///< the thread has the role
    waiter* next = nullptr;
};

class driver_role {
public:
    explicit driver_role(std::shared_ptr<thread_pool::worker> worker) noexcept
        : worker_(std::move(worker)), prefers_worker_(worker_->has_priority()) {}

    [[nodiscard]] bool is_free() const noexcept { return holder_ == holder::nobody; }
    [[nodiscard]] bool is_workers() const noexcept { return holder_ == holder::worker; }
    /// Whether a worker is to drive even where a thread waits that could.
    [[nodiscard]] bool prefers_worker() const noexcept { return prefers_worker_; }

    /// The calling thread drives.
    void take() noexcept { holder_ = holder::caller; }
    /// The worker drives, and is the caller.
    void take_as_worker() noexcept { holder_ = holder::worker; }
    /// A worker drives, and is woken for that. \return false if the pool was stopped; nothing changed
    [[nodiscard]] bool give_to_worker(std::shared_ptr<pool_task> task) noexcept {
        if (!worker_->wake(std::move(task))) return false;
        holder_ = holder::worker;
        return true;
    }
    /// A thread that waits drives, else a worker, or the other way round.
    /// \return false if there is neither; nothing changed
    [[nodiscard]] bool pass_on(std::shared_ptr<pool_task> task) noexcept;
    /// Nobody drives.
    void leave() noexcept {
        holder_ = holder::nobody;
        if (awaited_) free_.notify_all();
    }
    void wait_until_free(std::unique_lock<std::mutex>& lock) {
        awaited_ = true;
        free_.wait(lock, [this] { return is_free(); });
    }

    /// The thread sleeps, and can be given the role at any time.
    void add(waiter& w) noexcept;
    /// No more: it is busy with something else, or has done with waiting.
    void remove(waiter& w) noexcept;

    [[nodiscard]] thread_pool::worker& worker() const noexcept { return *worker_; }

private:
    enum class holder : std::uint8_t { nobody, worker, caller };

    const std::shared_ptr<thread_pool::worker> worker_;
    const bool prefers_worker_;
    holder holder_ = holder::nobody;
    waiter* first_ = nullptr;  ///< threads that wait, the longest first
    waiter* last_ = nullptr;
    std::condition_variable free_;
    bool awaited_ = false;
};

}  // namespace spead2::send::detail
