// SPDX-License-Identifier: Apache-2.0
// The readers, and one step of reading: a thread has a reader hand over its packets, gives out the heaps
// that are done, and says what to wait for. Who else reads than the worker: back_pressure.cc.
#include "stream_core.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <utility>

#include "tasks.h"

namespace spead2::recv {
namespace {

/// How long a paused reader waits for somebody who takes heaps to read himself.
constexpr std::chrono::milliseconds patience{1};

}  // namespace

stream_core::stream_core(stream& owner, std::shared_ptr<thread_pool> pool,
                         const stream_config& config)
    : pool_(std::move(pool)),
      worker_(pool_ ? pool_->next_worker()
                    : throw std::invalid_argument("a stream needs a thread pool, not null")),
      config_(config),
      owner_(&owner),
      batch_stats_(config.stats().size()),
      assembly_(std::make_unique<assembly>(config_, batch_stats_.data(), log_)),
      stats_(config.stats().size()) {}

std::shared_ptr<stream_core> stream_core::make(stream& owner, std::shared_ptr<thread_pool> pool,
                                               const stream_config& config) {
    auto core = std::make_shared<stream_core>(owner, std::move(pool), config);
    core->errand_ = std::make_shared<errand>(core);
    return core;
}

void stream_core::set_placer(placer& to) {
    assembly_ = std::make_unique<assembly>(config_, batch_stats_.data(), log_, &to);
}

void stream_core::add_reader(std::unique_ptr<reader> from) {
    if (!from) throw std::invalid_argument("a reader is needed, not null");
    check_process();
    std::vector<std::shared_ptr<reader_task>> ended;  // destroyed without the lock
    const locked hold(*this);
    ended = take_ended();
    if (config_.explicit_start() && started_)
        throw std::logic_error("Cannot add readers after explicit start");
    if (stopped()) return;
    auto task = std::make_shared<reader_task>(shared_from_this(), std::move(from));
    if (!config_.explicit_start()) begin_reading(*task);
    tasks_.push_back(std::move(task));
}

/// Readers that have ended are not kept until the stream is destroyed: there may be many.
std::vector<std::shared_ptr<stream_core::reader_task>> stream_core::take_ended() {
    std::vector<std::shared_ptr<reader_task>> ended;
    if (current_ != nullptr) return ended;  // called from within a reader
    for (const auto& task : tasks_)
        if (task->ended) ended.push_back(task);
    std::erase_if(tasks_, [](const auto& task) { return task->ended; });
    return ended;
}

void stream_core::start() {
    check_process();
    const locked hold(*this);
    started_ = true;
    if (stopped()) return;
    for (const auto& task : tasks_)
        if (!task->started) begin_reading(*task);
}

void stream_core::begin_reading(reader_task& task) {
    task.source->start(std::weak_ptr<waiter>(task.shared_from_this()));
    task.started = true;
    task.wake();
}

task_wait stream_core::reader_task::run() noexcept {
    const locked hold(*core_);
    return core_->run(*this);
}

task_wait stream_core::run(reader_task& task) noexcept {
    if (stopped() || task.ended || !task.started) return {};
    // Whatever the worker has waited for is over.
    timer_armed_.store(false);
    const bool timer_wanted = std::exchange(task.timer_wanted, false);
    if (task.paused) {
        if (timer_wanted) {
            timer_armed_.store(true);
            return {.what = task_wait::kind::until,
                    .time = std::chrono::steady_clock::now() + patience,
                    .fd = -1};
        }
        deliver();
        if (!assembly_->finished().empty() || owner_->room() == 0) return {};
        task.paused = false;
        update_paused();
    }
    const task_wait wait = step(task);
    if (task.paused && !must_wait_ && !stopped()) {
        timer_armed_.store(true);
        return {.what = task_wait::kind::until,
                .time = std::chrono::steady_clock::now() + patience,
                .fd = -1};
    }
    return wait;
}

/// Have the reader hand over packets. \return false if it is not to be asked again
bool stream_core::read_from(reader_task& task, read_wait& next) noexcept {
    current_ = &task;
    must_wait_ = false;
    room_ = owner_->room();
    try {
        intake to(*this);
        next = task.source->read(to);
    } catch (const std::exception& e) {
        next.what = read_wait::kind::ended;
        next.reason = e.what();
    }
    merge_stats();
    current_ = nullptr;
    deliver();
    log_.note_left_out(false);
    if (stop_wanted_.load()) {
        stop_now();
        return false;
    }
    if (assembly_->stop_seen()) {
        end_of_network();
        return false;
    }
    if (next.what != read_wait::kind::ended) return true;
    task.ended = true;
    task.kept = task.source->close();
    if (!next.reason.empty()) {
        log_.add(log_level::warning, [&next] { return next.reason; });
        if (reason_.empty()) reason_ = next.reason;
    }
    if (config_.stop_on_first_end() ||
        std::all_of(tasks_.begin(), tasks_.end(), [](const auto& t) { return t->ended; }))
        end_of_network();
    return false;
}

task_wait stream_core::step(reader_task& task) noexcept {
    read_wait next;
    if (assembly_->finished().empty()) {
        if (!read_from(task, next)) return {};
    } else {
        deliver();  // of another reader, which has paused
    }
    if (must_wait_) {
        static_cast<void>(pause(task, false));
        return {};
    }
    if (!assembly_->finished().empty() && pause(task, true)) return {};
    switch (next.what) {
        case read_wait::kind::readable:
            return {.what = task_wait::kind::readable, .time = {}, .fd = next.fd};
        case read_wait::kind::later:
            return {.what = task_wait::kind::until, .time = next.time, .fd = -1};
        case read_wait::kind::told:
            return {};
        default:
            return {.what = task_wait::kind::again, .time = {}, .fd = -1};
    }
}

}  // namespace spead2::recv
