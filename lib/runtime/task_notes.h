// SPDX-License-Identifier: Apache-2.0
// What a worker notes of its tasks, within them: every list and timer that a task can be in is made
// with the task, so that a worker needs no memory.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include <spead2/runtime/thread_pool.h>

namespace spead2 {

/// Of one task. The lists are linked by these.
struct pool_task::notes {
    using timers = std::multimap<std::chrono::steady_clock::time_point, pool_task*>;

    [[nodiscard]] static notes& of(const pool_task& task) noexcept { return *task.notes_; }

    // Under the worker's lock.
    std::shared_ptr<pool_task> woken;  ///< set: in the list of those
    pool_task* next_woken = nullptr;
    std::shared_ptr<pool_task> reminded;  ///< set: in the list of those
    pool_task* next_reminded = nullptr;

    // The worker's thread only.
    std::shared_ptr<pool_task> running;  ///< set: not done
    pool_task* next_ready = nullptr;
    pool_task* next_running = nullptr;
    pool_task* previous_running = nullptr;
    task_wait wait;
    int armed = -1;  ///< descriptor whose event is to come
    bool ready = false;
    timers::node_type unused_timer;  ///< empty while the timer runs
    timers::iterator timer;
};

/// First in, first out, with the link that is given.
template <pool_task* pool_task::notes::*Next>
class task_list {
public:
    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    void push(pool_task& task) noexcept {
        pool_task::notes::of(task).*Next = nullptr;
        (last_ != nullptr ? pool_task::notes::of(*last_).*Next : first_) = &task;
        last_ = &task;
    }
    [[nodiscard]] pool_task* pop() noexcept {
        pool_task* const task = first_;
        if (task == nullptr) return nullptr;
        first_ = pool_task::notes::of(*task).*Next;
        if (first_ == nullptr) last_ = nullptr;
        return task;
    }
    [[nodiscard]] task_list take() noexcept { return std::exchange(*this, task_list()); }

private:
    pool_task* first_ = nullptr;
    pool_task* last_ = nullptr;
};

/// The tasks that are not done, each kept by its own notes, to be found by address.
class running_tasks {
public:
    using notes = pool_task::notes;

    void add(std::shared_ptr<pool_task> task) noexcept {
        notes& n = notes::of(*task);
        pool_task*& first = first_of(task.get());
        n.previous_running = nullptr;
        n.next_running = first;
        if (first != nullptr) notes::of(*first).previous_running = task.get();
        first = task.get();
        n.running = std::move(task);
        ++size_;
    }
    [[nodiscard]] std::shared_ptr<pool_task> take(pool_task& task) noexcept {
        notes& n = notes::of(task);
        (n.previous_running != nullptr ? notes::of(*n.previous_running).next_running
                                       : first_of(&task)) = n.next_running;
        if (n.next_running != nullptr)
            notes::of(*n.next_running).previous_running = n.previous_running;
        --size_;
        return std::move(n.running);
    }
    [[nodiscard]] bool has(const pool_task* task) noexcept {
        for (const pool_task* t = first_of(task); t != nullptr; t = notes::of(*t).next_running)
            if (t == task) return true;
        return false;
    }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// Any of them; null if there is none.
    [[nodiscard]] pool_task* any() const noexcept {
        for (pool_task* const first : first_)
            if (first != nullptr) return first;
        return nullptr;
    }

private:
    [[nodiscard]] pool_task*& first_of(const pool_task* task) noexcept {
        return first_[reinterpret_cast<std::uintptr_t>(task) / 64 % first_.size()];
    }

    std::array<pool_task*, 61> first_{};  ///< lists by address
    std::size_t size_ = 0;
};

}  // namespace spead2
