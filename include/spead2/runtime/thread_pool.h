// SPDX-License-Identifier: Apache-2.0
// Worker threads that drive streams: each runs whichever of its tasks has work, and sleeps on all
// their descriptors and times at once, so that one slow stream never holds up another.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <spead2/runtime/forks.h>

namespace spead2 {

/// What a task of a thread_pool wants next.
struct task_wait {
    enum class kind : std::uint8_t {
        done,      ///< nothing; call again when woken
        again,     ///< the next turn
        until,     ///< at \a time
        readable,  ///< when \a fd is readable
        writable,  ///< when \a fd is writable
    };
    kind what = kind::done;
    std::chrono::steady_clock::time_point time{};
    int fd = -1;
    /// With done: it will probably be woken in some microseconds. A worker that has nothing else looks out
    /// for that before it sleeps.
    bool soon = false;
};

/// Something that a worker runs a piece at a time.
class pool_task {
public:
    pool_task();
    pool_task(const pool_task&) = delete;
    pool_task& operator=(const pool_task&) = delete;
    virtual ~pool_task();
    /// Do a bounded piece of work. Called by one worker, never twice at once.
    [[nodiscard]] virtual task_wait run() noexcept = 0;
    /// The pool stopped while the task was not done; run() will not be called again.
    virtual void stopped() noexcept = 0;

    /// What a worker notes about a task: with it, so that waking needs no memory.
    struct notes;

private:
    friend struct notes;
    std::unique_ptr<notes> notes_;
};

class thread_pool {
public:
    /// One of the threads.
    class worker;

    /// \param threads   how many to start; at least 1 (std::invalid_argument)
    /// \param affinity  cores to bind them to, cyclically; empty: not bound. A core that cannot be
    ///                  bound to is std::system_error
    /// \param priority  0: threads like others. 1 to 99: of real time (SCHED_FIFO), which run before all
    ///                  others of the machine whenever they have work; where that is not allowed it is
    ///                  std::system_error. Threads that wait for their heaps then leave sending to them
    explicit thread_pool(int threads = 1, const std::vector<int>& affinity = {}, int priority = 0);
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;
    ~thread_pool();

    /// End the threads. Tasks that are not done get stopped(). Harmless when done before, and in a
    /// child of the process that made the pool: there are no threads.
    void stop();

    [[nodiscard]] std::size_t size() const noexcept { return workers_.size(); }

    /// Bind the calling thread to \a core. \throw std::system_error
    static void set_affinity(int core);

    /// A worker for a new stream; they are taken in turn.
    /// \throw std::system_error (ECANCELED) in a child of the process that made the pool
    [[nodiscard]] std::shared_ptr<worker> next_worker();

private:
    std::vector<std::shared_ptr<worker>> workers_;
    std::mutex mutex_;
    std::size_t next_ = 0;
    const home_process home_;  ///< that has the threads
};

class thread_pool::worker {
public:
    virtual ~worker() = default;
    /// Have \a task run soon, whatever it is waiting for. From any thread.
    /// \return false if the pool was stopped (stopped() is then not called)
    [[nodiscard]] virtual bool wake(std::shared_ptr<pool_task> task) noexcept = 0;
    /// Have \a task run in about reminder_delay, once, however often it is asked for meanwhile. From
    /// any thread; wakes nobody before. \return false if the pool was stopped
    [[nodiscard]] virtual bool remind(std::shared_ptr<pool_task> task) noexcept = 0;
    static constexpr std::chrono::microseconds reminder_delay{200};
    /// End the thread, and wait for that unless it is the caller.
    virtual void stop() = 0;
    /// Whether the thread runs before others, so that work is better done there.
    [[nodiscard]] virtual bool has_priority() const noexcept = 0;
    /// Whether the caller is the worker's thread.
    [[nodiscard]] virtual bool is_this_thread() const noexcept = 0;
};

}  // namespace spead2
