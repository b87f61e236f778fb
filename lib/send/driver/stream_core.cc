// SPDX-License-Identifier: Apache-2.0
#include "stream_core.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include <spead2/base/log.h>

#include <spead2/runtime/lock_soon.h>
#include "caller_sleep.h"
#include "live_streams.h"

namespace spead2::send::detail {
namespace {

constexpr std::size_t largest_packet_size = std::size_t{1} << 30;

// Batches that a thread sends which does not mean to wait.
constexpr int caller_steps = 2;

constexpr std::chrono::milliseconds interrupt_interval{100};
// For condition variables that have no other reason to look up.
constexpr std::chrono::milliseconds an_hour{3'600'000};

constexpr const char* destroyed = "the stream was destroyed, and they did not go within 5 seconds";

[[nodiscard]] std::system_error canceled(const char* what) {
    return {std::make_error_code(std::errc::operation_canceled), what};
}

[[nodiscard]] bool use_hardware_rate(const stream_config& config, transport& carrier) {
    if (config.get_rate_method() != rate_method::hw || config.rate() == 0.0) return false;
    return carrier.set_hardware_rate(config.rate());
}

}  // namespace

stream_core::stream_core(std::shared_ptr<thread_pool> pool, const stream_config& config,
                         std::unique_ptr<transport> carrier)
    : pool_(std::move(pool)),
      transport_(std::move(carrier)),
      num_substreams_(transport_->num_substreams()),
      max_packet_size_(std::min(config.max_packet_size(), largest_packet_size)),
      queue_(config, num_substreams_, max_packet_size_, !use_hardware_rate(config, *transport_)),
      role_(pool_->next_worker()),
      gathering_(config.max_heaps()),
      completed_(role_),
      driver_(queue_, completed_, *transport_, config, max_packet_size_) {
    remember(*this);
}

stream_core::~stream_core() { forget(*this); }

void stream_core::check_process() const {
    if (is_forked())
        throw canceled("the stream belongs to the process that this one was forked from");
}

// ---- Queueing

void stream_core::submit(std::unique_ptr<heap_group>& group, drive how) {
    check_process();
    group_state& state = group_state::of(*group);
    std::unique_lock lock(mutex_);
    queue_.add(state);
    if (role_.is_free() && how == drive::worker) {
        if (!role_.give_to_worker(shared_from_this())) {
            queue_.remove_last(state);
            throw canceled("the stream's thread pool was stopped");
        }
        gathering_.end();
    }
    static_cast<void>(group.release());
    lock.unlock();
    if (how == drive::caller) kick(how);
}

bool stream_core::gather(std::unique_ptr<heap_group>& group) {
    check_process();
    group_state& state = group_state::of(*group);
    std::unique_lock lock(mutex_, std::defer_lock);
    lock_soon(lock);
    queue_.add(state);
    bool enough = false;
    if (role_.is_free()) {
        const auto verdict = gathering_.add(state.size(), state.payload_size);
        const bool to_worker = verdict == gathering::verdict::worker;
        const bool taken = to_worker             ? role_.give_to_worker(shared_from_this())
                           : gathering_.active() ? true
                                                 : role_.worker().remind(shared_from_this());
        if (!taken) {
            queue_.remove_last(state);
            throw canceled("the stream's thread pool was stopped");
        }
        if (to_worker)
            gathering_.end();
        else if (!gathering_.active())
            gathering_.begin();
        enough = verdict == gathering::verdict::enough;
    } else {
        gathering_.add_to_driven(state.size(), state.payload_size);
    }
    static_cast<void>(group.release());
    return enough;
}

void stream_core::kick(drive how) {
    if (is_forked()) return;
    std::unique_lock lock(mutex_);
    if (!role_.is_free() || queue_.empty()) return;
    gathering_.end();
    if (how == drive::caller && !role_.prefers_worker()) {
        role_.take();
        for (int i = 0; i < caller_steps && driver_.step(lock).what == task_wait::kind::again;
             ++i) {
        }
    }
    let_go(lock);
}

/// The calling thread, or nobody, has the role: to a thread that waits, a worker, or nobody.
void stream_core::let_go(std::unique_lock<std::mutex>& lock) noexcept {
    if (queue_.empty() || closing_) {
        role_.leave();
    } else if (!role_.pass_on(shared_from_this())) {
        // The pool was stopped. Who was interrupted will drive, else nobody.
        if (interrupted_ == 0) {
            role_.take();
            driver_.fail_all(std::make_error_code(std::errc::operation_canceled), lock);
        }
        role_.leave();
    }
}

// ---- Waiting

void stream_core::begin_waiting(waiter& me) noexcept {
    if (!role_.is_free()) {
        role_.add(me);
        return;
    }
    gathering_.end();
    if (role_.prefers_worker() && role_.give_to_worker(shared_from_this())) {
        role_.add(me);
        return;
    }
    role_.take();
    me.drives = true;
}

bool stream_core::wait(std::unique_ptr<blocking_group>& owner, const interrupt_check& interrupted) {
    check_process();
    blocking_group& group = *owner;
    group_state& state = group_state::of(group);
    waiter me;
    std::unique_lock lock(mutex_);
    queue_.add(state);
    state.waiting = &me;
    state.is_awaited = true;
    static_cast<void>(owner.release());
    begin_waiting(me);

    caller_sleep sleep;
    clock::time_point next_check{};  // none: as soon as there is anything to wait for
    while (!me.done) {
        bool check = false;
        if (me.drives) {
            const task_wait next = driver_.step(lock);
            if (!me.done && (interrupted || next.what != task_wait::kind::again)) {
                lock.unlock();
                const clock::time_point now = clock::now();
                if (next_check == clock::time_point{}) next_check = now + interrupt_interval;
                check = now >= next_check || sleep.wait(next, now + interrupt_interval);
                lock.lock();
            }
        } else if (interrupted) {
            check = me.changed.wait_for(lock, interrupt_interval) == std::cv_status::timeout;
        } else {
            me.changed.wait(lock);
        }
        if (!check || !interrupted || me.done) continue;
        next_check = {};
        bool stop = true;
        try {
            stop = interrupt(me, lock, interrupted);
        } catch (...) {
            if (me.done)
                owner.reset(&group);
            else
                abandon(state, lock);
            throw;
        }
        if (me.done) break;
        if (stop) {
            abandon(state, lock);
            return false;
        }
        begin_waiting(me);
    }
    if (me.drives) let_go(lock);
    owner.reset(&group);
    return true;
}

/// Ask whether to give up waiting. That may take long, run any code, and use this stream: others drive
/// it meanwhile. The lock is held before and after. \return the answer
bool stream_core::interrupt(waiter& me, std::unique_lock<std::mutex>& lock,
                            const interrupt_check& interrupted) {
    if (!std::exchange(me.drives, false))
        role_.remove(me);
    else if (!role_.pass_on(shared_from_this()))
        role_.leave();  // the pool was stopped: who comes next drives
    ++interrupted_;
    lock.unlock();
    bool stop = false;
    try {
        stop = interrupted();
    } catch (...) {
        lock.lock();
        --interrupted_;
        throw;
    }
    lock.lock();
    --interrupted_;
    return stop;
}

/// Nobody waits for the group any more; it is sent all the same.
void stream_core::abandon(group_state& group, std::unique_lock<std::mutex>& lock) noexcept {
    group.waiting = nullptr;
    if (role_.is_free()) let_go(lock);
}

bool stream_core::flush(const interrupt_check& interrupted) {
    check_process();
    std::unique_lock lock(mutex_);
    const std::uint64_t target = queue_.added();
    if (completed_.count() >= target) return true;
    if (role_.is_free()) {  // what was deferred
        gathering_.end();
        let_go(lock);
    }
    while (completed_.count() < target) {
        const auto limit = interrupted ? interrupt_interval : an_hour;
        if (completed_.wait(lock, target, limit) || !interrupted) continue;
        lock.unlock();
        const bool stop = interrupted();
        lock.lock();
        if (stop) return completed_.count() >= target;
    }
    return true;
}

void stream_core::set_cnt_sequence(std::uint64_t next, std::uint64_t step) {
    check_process();
    const std::lock_guard lock(mutex_);
    queue_.set_cnt_sequence(next, step);
}

void stream_core::set_rate(double bytes_per_second) {
    check_process();
    const std::lock_guard lock(mutex_);
    queue_.set_rate(bytes_per_second);
}

stream_config stream_core::config() {
    check_process();
    const std::lock_guard lock(mutex_);
    return queue_.config();
}

// ---- The worker

task_wait stream_core::run() noexcept {
    std::unique_lock lock(mutex_, std::defer_lock);
    lock_soon(lock);
    if (!role_.is_workers()) {
        // A wake that came late, or the reminder.
        if (!role_.is_free() || queue_.empty() || !gathering_.active() || closing_) return {};
        if (clock::now() < gathering_.since() + thread_pool::worker::reminder_delay) {
            static_cast<void>(role_.worker().remind(shared_from_this()));
            return {};
        }
        role_.take_as_worker();
        gathering_.end();
    }
    if (closing_) {
        let_go(lock);
        return {};
    }
    task_wait next = driver_.step(lock);
    if (next.what == task_wait::kind::done) {
        if (!queue_.empty() && !closing_)
            next.what = task_wait::kind::again;
        else
            let_go(lock);
        next.soon = gathering_.goes_on();
    } else if (orphaned_) {
        next = drain(next, lock);
    }
    return next;
}

void stream_core::stopped() noexcept {
    std::unique_lock lock(mutex_);
    if (role_.is_workers() || (role_.is_free() && gathering_.active())) {
        gathering_.end();
        let_go(lock);
    }
}

// ---- The end

void stream_core::close() noexcept {
    std::unique_lock lock(mutex_);
    drain_limit_ = clock::now() + std::chrono::duration_cast<clock::duration>(
                                      std::chrono::duration<double>(stream::drain_seconds));
    if (completed_.is_within()) {
        orphaned_ = true;
        return;
    }
    closing_ = true;
    if (role_.is_workers()) static_cast<void>(role_.worker().wake(shared_from_this()));
    role_.wait_until_free(lock);
    role_.take();
    std::size_t unsent = 0;
    caller_sleep sleep;
    for (;;) {
        const task_wait next = driver_.step(lock);
        if (next.what == task_wait::kind::done) break;
        if (clock::now() >= drain_limit_ ||
            (next.what == task_wait::kind::until && next.time > drain_limit_)) {
            unsent = driver_.fail_all(std::make_error_code(std::errc::operation_canceled), lock);
            break;
        }
        lock.unlock();
        sleep.wait(next, drain_limit_);
        lock.lock();
    }
    role_.leave();
    lock.unlock();
    tell_unsent(unsent, destroyed);
}

/// The same in the worker: once the time is over, fail what is left. \return what to wait for
task_wait stream_core::drain(task_wait next, std::unique_lock<std::mutex>& lock) noexcept {
    const clock::time_point now = clock::now();
    if (now >= drain_limit_) {
        const std::size_t unsent =
            driver_.fail_all(std::make_error_code(std::errc::operation_canceled), lock);
        lock.unlock();
        tell_unsent(unsent, destroyed);
        return {};
    }
    // Waiting for a descriptor could outlast the limit.
    if (next.what == task_wait::kind::readable || next.what == task_wait::kind::writable)
        next = {task_wait::kind::until, now + std::chrono::milliseconds(1), -1};
    else if (next.what == task_wait::kind::until)
        next.time = std::min(next.time, drain_limit_);
    return next;
}

void stream_core::tell_left() noexcept {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock.owns_lock()) tell_unsent(queue_.heaps(), "the process ended before");
}

void stream_core::tell_unsent(std::size_t heaps, const char* why) noexcept {
    if (heaps == 0) return;
    try {
        log_message(log_level::warning, std::to_string(heaps) +
                                            (heaps == 1 ? " heap was" : " heaps were") +
                                            " not sent to " + transport_->describe() + ": " + why);
    } catch (const std::exception&) {
        // No memory for the message.
    }
}

}  // namespace spead2::send::detail
