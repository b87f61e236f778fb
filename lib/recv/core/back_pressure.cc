// SPDX-License-Identifier: Apache-2.0
// Heaps that are done, and what if they come faster than they are taken: the readers pause, and whoever
// takes the last heap reads the next ones himself. Waking a worker for a few small heaps would cost more
// than they do.
#include <algorithm>
#include <cstddef>
#include <exception>

#include <spead2/recv/heap.h>

#include "stream_core.h"
#include "tasks.h"

namespace spead2::recv {
namespace {

/// Heaps below this are small: assembling one costs less than waking a thread.
constexpr std::size_t small_heap = std::size_t{64} << 10;

}  // namespace

void stream_core::deliver() noexcept {
    std::vector<heap_ptr>& finished = assembly_->finished();
    if (finished.empty()) return;
    const std::size_t taken = owner_->heaps_ready(finished);
    if (taken >= finished.size())
        finished.clear();
    else
        finished.erase(finished.begin(), finished.begin() + static_cast<std::ptrdiff_t>(taken));
}

/// No more of this reader until there is room. \return false if there is room after all
bool stream_core::pause(reader_task& task, bool count) noexcept {
    task.paused = true;
    paused_.store(true);
    if (!count) return true;
    const heap& first = *assembly_->finished().front();
    const std::uint64_t cnt = first.cnt();
    small_heaps_.store(first.payload().size() < small_heap, std::memory_order_relaxed);
    ++batch_stats_[stat_index::worker_blocked];
    merge_stats();
    if (task.source->lossy()) owner_->paused(cnt);
    // Whoever has taken heaps before he could see that somebody waits for that.
    deliver();
    if (!assembly_->finished().empty()) return true;
    task.paused = false;
    update_paused();
    return false;
}

void stream_core::update_paused() noexcept {
    paused_.store(!assembly_->finished().empty() ||
                  std::any_of(tasks_.begin(), tasks_.end(),
                              [](const auto& task) { return task->paused && !task->ended; }));
}

void stream_core::resume(bool patient) noexcept {
    if (!paused() || held_by_caller() || is_left()) return;
    if (patient && timer_armed_.load() && small_heaps_.load(std::memory_order_relaxed)) return;
    const locked hold(*this);
    resume_tasks(false);
}

void stream_core::resume_here() noexcept {
    if (!paused() || held_by_caller() || is_left()) return;
    const locked hold(*this);
    resume_tasks(true);
}

void stream_core::resume_later() noexcept {
    try {
        static_cast<void>(worker_->wake(errand_));
    } catch (const std::exception&) {
        // No memory to wake anybody with.
    }
}

void stream_core::exclusively(const std::function<void()>& action) {
    if (is_left()) return;
    const locked hold(*this);
    action();
}

void stream_core::stop_later() noexcept {
    want_stop();
    if (!worker_->wake(errand_)) stop();  // the worker has ended: nobody has the lock for long
}

void stream_core::resume_tasks(bool here) noexcept {
    if (owner_ == nullptr) return;
    const bool had_some = !assembly_->finished().empty();
    deliver();
    if (stopped()) {
        tell_stopped();
        return;
    }
    if (!assembly_->finished().empty() || (here && had_some)) return;
    // By number, since a reader may be added from within.
    for (std::size_t next = 0; next < tasks_.size();) {
        const std::shared_ptr<reader_task> task = tasks_[next++];
        if (!task->paused || task->ended) continue;
        task->paused = false;
        update_paused();
        if (here) {
            const task_wait wait = step(*task);
            if (stopped()) return;
            if (task->paused) {
                if (must_wait_ || timer_armed_.exchange(true)) continue;
                task->timer_wanted = true;
            } else if (wait.what == task_wait::kind::done) {
                continue;
            }
        }
        task->wake();
    }
}

}  // namespace spead2::recv
