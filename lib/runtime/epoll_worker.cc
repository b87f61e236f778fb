// SPDX-License-Identifier: Apache-2.0
#include "epoll_worker.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "task_notes.h"
#include "wait_events.h"

namespace spead2 {
namespace {

using clock = std::chrono::steady_clock;

[[nodiscard]] std::system_error last_error(const char* what) {
    return {errno, std::generic_category(), what};
}

/// A file descriptor that is closed at the end.
class unique_fd {
public:
    explicit unique_fd(int fd, const char* what) : fd_(fd) {
        if (fd_ < 0) throw last_error(what);
    }
    unique_fd(const unique_fd&) = delete;
    unique_fd& operator=(const unique_fd&) = delete;
    ~unique_fd() { ::close(fd_); }
    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_;
};

/// Nothing in it needs memory once it is made: neither waking a task, nor letting it wait.
class epoll_worker final : public thread_pool::worker {
public:
    using notes = pool_task::notes;

    explicit epoll_worker(int priority)
        : priority_(priority),
          epoll_(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"),
          wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"),
          reminder_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                    "timerfd_create") {
        watch(wake_, event_woken);
        watch(reminder_, event_reminded);
    }

    static void start(const std::shared_ptr<epoll_worker>& self, std::optional<int> core) {
        try {
            self->thread_ = std::make_unique<std::thread>([self] { self->loop(); });
        } catch (const std::system_error& e) {
            throw std::system_error(e.code(), "cannot start a thread");
        }
        const pthread_t thread = self->thread_->native_handle();
        const auto check = [&](int error, const std::string& what) {
            if (error == 0) return;
            self->stop();
            throw std::system_error(error, std::generic_category(), what);
        };
        if (core) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(static_cast<std::size_t>(*core), &set);
            check(::pthread_setaffinity_np(thread, sizeof set, &set),
                  "cannot bind a thread to core " + std::to_string(*core));
        }
        if (self->priority_ != 0) {
            sched_param parameters{};
            parameters.sched_priority = self->priority_;
            check(::pthread_setschedparam(thread, SCHED_FIFO, &parameters),
                  "cannot give a thread the priority " + std::to_string(self->priority_) +
                      " of real time, which takes CAP_SYS_NICE or RLIMIT_RTPRIO");
        }
    }

    bool wake(std::shared_ptr<pool_task> task) noexcept override {
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
        notes& n = notes::of(*task);
        if (n.woken == nullptr) {
            woken_.push(*task);
            n.woken = std::move(task);
        }
        have_woken_.store(true, std::memory_order_release);
        if (sleeping_) signal();
        return true;
    }

    bool remind(std::shared_ptr<pool_task> task) noexcept override {
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
        notes& n = notes::of(*task);
        if (n.reminded == nullptr) {
            reminded_.push(*task);
            n.reminded = std::move(task);
        }
        if (!std::exchange(reminder_set_, true)) {
            itimerspec time{};
            time.it_value.tv_nsec = std::chrono::nanoseconds(reminder_delay).count();
            static_cast<void>(::timerfd_settime(reminder_.get(), 0, &time, nullptr));
        }
        return true;
    }

    bool has_priority() const noexcept override { return priority_ != 0; }

    bool is_this_thread() const noexcept override {
        return id_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }

    void stop() override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            signal();
        }
        // One thread joins, others that stop the pool wait for that.
        std::unique_lock joining(join_mutex_, std::defer_lock);
        if (!is_this_thread()) {
            joining.lock();
            if (thread_ != nullptr && thread_->joinable()) thread_->join();
        } else if (joining.try_lock() && thread_->joinable()) {
            thread_->detach();  // the last task's end destroyed the pool; the loop ends on its own
        }
    }

private:
    static constexpr std::chrono::microseconds look_out{30};

    // What epoll says instead of a task.
    static constexpr std::uint64_t event_woken = 0;
    static constexpr std::uint64_t event_reminded = 1;

    void watch(const unique_fd& fd, std::uint64_t what) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = what;
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0)
            throw last_error("epoll_ctl");
    }

    static void clear(const unique_fd& fd) noexcept {
        std::uint64_t count;
        static_cast<void>(!::read(fd.get(), &count, sizeof count));
    }

    void signal() noexcept {
        sleeping_ = false;
        const std::uint64_t one = 1;
        static_cast<void>(!::write(wake_.get(), &one, sizeof one));
    }

    void make_ready(pool_task& task) noexcept {
        notes& n = notes::of(task);
        if (n.ready) return;
        if (n.wait.what == task_wait::kind::until) n.unused_timer = timers_.extract(n.timer);
        n.wait = {};
        n.ready = true;
        ready_.push(task);
    }

    [[nodiscard]] static bool waits_for_fd(const task_wait& wait) noexcept {
        return wait.what == task_wait::kind::readable || wait.what == task_wait::kind::writable;
    }

    /// Its event is not to come any more: the task may be gone then.
    void disarm(notes& n) noexcept {
        if (n.armed < 0) return;
        static_cast<void>(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, n.armed, nullptr));
        n.armed = -1;
    }

    /// Watch for the descriptor once.
    void arm(pool_task& task, const task_wait& wait) noexcept {
        notes& n = notes::of(task);
        if (n.armed != wait.fd) disarm(n);
        epoll_event event{};
        event.events =
            static_cast<std::uint32_t>(EPOLLONESHOT) |
            static_cast<std::uint32_t>(wait.what == task_wait::kind::readable ? EPOLLIN : EPOLLOUT);
        event.data.u64 = reinterpret_cast<std::uintptr_t>(&task);
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, wait.fd, &event) != 0 &&
            (errno != ENOENT || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wait.fd, &event) != 0)) {
            // Cannot be watched: let the task find out why.
            n.armed = -1;
            make_ready(task);
            return;
        }
        n.armed = wait.fd;
    }

    /// From now on until it is done.
    void set_running(std::shared_ptr<pool_task> task) noexcept {
        if (notes::of(*task).running == nullptr) running_.add(std::move(task));
    }

    void run_one() noexcept {
        pool_task& task = *ready_.pop();
        notes& n = notes::of(task);
        n.ready = false;
        n.wait = task.run();
        switch (n.wait.what) {
            case task_wait::kind::done:
                woken_soon_ = n.wait.soon;
                disarm(n);
                running_.take(task).reset();
                break;
            case task_wait::kind::again:
                n.ready = true;
                ready_.push(task);
                break;
            case task_wait::kind::until:
                n.unused_timer.key() = n.wait.time;
                n.timer = timers_.insert(std::move(n.unused_timer));
                break;
            case task_wait::kind::readable:
            case task_wait::kind::writable:
                arm(task, n.wait);
                break;
        }
    }

    void take_woken() noexcept {
        const std::lock_guard lock(mutex_);
        while (pool_task* const task = woken_.pop()) {
            set_running(std::move(notes::of(*task).woken));
            make_ready(*task);
        }
        have_woken_.store(false, std::memory_order_relaxed);
    }

    void take_reminded() noexcept {
        const std::lock_guard lock(mutex_);
        reminder_set_ = false;
        while (pool_task* const task = reminded_.pop()) {
            const bool running = notes::of(*task).running != nullptr;
            set_running(std::move(notes::of(*task).reminded));
            if (!running) make_ready(*task);  // else it does not need to be told
        }
    }

    void expire_timers() noexcept {
        const clock::time_point now = clock::now();
        while (!timers_.empty() && timers_.begin()->first <= now)
            make_ready(*timers_.begin()->second);
    }

    /// Look out for a task to be woken for as long as falling asleep and being woken would take. Others get
    /// the core if they want it. \return whether one was
    bool is_woken_soon() noexcept {
        woken_soon_ = false;
        const clock::time_point end = clock::now() + look_out;
        while (!have_woken_.load(std::memory_order_acquire)) {
            if (clock::now() >= end) return false;
            std::this_thread::yield();
        }
        return true;
    }

    /// Sleep until something happens; false once the worker is to stop.
    bool sleep() noexcept {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return false;
            if (!woken_.empty()) return true;
            sleeping_ = true;
        }
        std::array<epoll_event, 32> events;
        const auto deadline =
            timers_.empty() ? std::nullopt : std::optional(timers_.begin()->first);
        const int n = detail::wait_events(epoll_.get(), events.data(),
                                          static_cast<int>(events.size()), deadline);
        {
            const std::lock_guard lock(mutex_);
            sleeping_ = false;
        }
        for (int i = 0; i < n; ++i) {
            const std::uint64_t what = events[static_cast<std::size_t>(i)].data.u64;
            if (what == event_woken) {
                clear(wake_);
            } else if (what == event_reminded) {
                clear(reminder_);
                take_reminded();
            } else {
                // NOLINTNEXTLINE(performance-no-int-to-ptr): epoll keeps 64 bits
                auto* const task = reinterpret_cast<pool_task*>(what);
                // One that is gone could not be disarmed if its socket lives on elsewhere, as the
                // user's own or in a child process.
                if (!running_.has(task)) continue;
                notes::of(*task).armed = -1;  // the event disarms
                if (waits_for_fd(notes::of(*task).wait)) make_ready(*task);
            }
        }
        return true;
    }

    void loop() noexcept {
        id_.store(std::this_thread::get_id(), std::memory_order_relaxed);
        ::pthread_setname_np(::pthread_self(), "spead2");
        // Wake up from a timed wait as near to its end as the machine can (the default allows 50
        // us).
        ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
        for (;;) {
            if (have_woken_.load(std::memory_order_acquire)) take_woken();
            if (!timers_.empty()) expire_timers();
            if (ready_.empty()) {
                if (woken_soon_ && running_.empty() && is_woken_soon()) continue;
                if (!sleep()) break;
                continue;
            }
            if (stopping_.load(std::memory_order_relaxed)) break;
            run_one();
        }
        end();
    }

    void end() noexcept {
        take_woken();
        take_reminded();
        while (pool_task* const task = running_.any()) {
            notes& n = notes::of(*task);
            if (!n.ready && n.wait.what == task_wait::kind::until)
                n.unused_timer = timers_.extract(n.timer);
            n.wait = {};
            n.armed = -1;
            n.ready = false;
            running_.take(*task)->stopped();
        }
    }

    const int priority_;
    unique_fd epoll_;
    unique_fd wake_;
    unique_fd reminder_;
    std::mutex join_mutex_;
    std::unique_ptr<std::thread> thread_;
    std::atomic<std::thread::id> id_{};

    std::mutex mutex_;
    task_list<&notes::next_woken> woken_;
    std::atomic<bool> have_woken_{false};
    task_list<&notes::next_reminded> reminded_;
    bool reminder_set_ = false;
    bool sleeping_ = false;
    std::atomic<bool> stopping_{false};

    // The worker's thread only.
    running_tasks running_;
    bool woken_soon_ = false;  ///< the task that was the last to be done says so
    task_list<&notes::next_ready> ready_;
    notes::timers timers_;
};

}  // namespace

std::shared_ptr<thread_pool::worker> detail::start_epoll_worker(std::optional<int> core,
                                                                int priority) {
    auto made = std::make_shared<epoll_worker>(priority);
    epoll_worker::start(made, core);
    return made;
}

}  // namespace spead2
