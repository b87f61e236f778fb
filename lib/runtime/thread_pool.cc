// SPDX-License-Identifier: Apache-2.0
#include <spead2/runtime/thread_pool.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

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

/// epoll_wait with a deadline in nanoseconds where the kernel has it (Linux 5.11), else rounded up
/// to milliseconds.
int wait_events(int epoll, epoll_event* events, int n, std::optional<clock::time_point> deadline) {
    static std::atomic<bool> have_pwait2{true};
    if (!deadline) return ::epoll_wait(epoll, events, n, -1);
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::max(*deadline - clock::now(), clock::duration::zero()));
#ifdef SYS_epoll_pwait2
    if (have_pwait2.load(std::memory_order_relaxed)) {
        const timespec timeout{static_cast<time_t>(left.count() / 1'000'000'000),
                               static_cast<long>(left.count() % 1'000'000'000)};
        const long result =
            ::syscall(SYS_epoll_pwait2, epoll, events, n, &timeout, nullptr, sizeof(sigset_t));
        if (result >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(result);
        have_pwait2.store(false, std::memory_order_relaxed);
    }
#endif
    const auto ms = std::min<std::int64_t>((left.count() + 999'999) / 1'000'000, 1'000'000);
    return ::epoll_wait(epoll, events, n, static_cast<int>(ms));
}

class epoll_worker final : public thread_pool::worker {
public:
    epoll_worker()
        : epoll_(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"),
          wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd") {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = nullptr;
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0)
            throw last_error("epoll_ctl");
    }

    static void start(const std::shared_ptr<epoll_worker>& self, std::optional<int> core) {
        self->thread_ = std::thread([self] { self->loop(); });
        if (core) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(static_cast<std::size_t>(*core), &set);
            const int error =
                ::pthread_setaffinity_np(self->thread_.native_handle(), sizeof set, &set);
            if (error != 0) {
                self->stop();
                throw std::system_error(error, std::generic_category(),
                                        "cannot bind a thread to core " + std::to_string(*core));
            }
        }
    }

    bool wake(std::shared_ptr<pool_task> task) override {
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
        woken_.push_back(std::move(task));
        have_woken_.store(true, std::memory_order_release);
        if (sleeping_) signal();
        return true;
    }

    bool is_this_thread() const noexcept override {
        return thread_.get_id() == std::this_thread::get_id();
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            signal();
        }
        if (!thread_.joinable()) return;
        if (is_this_thread())
            thread_.detach();  // the last task's end destroyed the pool; the loop ends on its own
        else
            thread_.join();
    }

private:
    struct slot {
        std::shared_ptr<pool_task> task;
        task_wait wait;
        bool ready = false;
    };

    void signal() noexcept {
        sleeping_ = false;
        const std::uint64_t one = 1;
        static_cast<void>(!::write(wake_.get(), &one, sizeof one));
    }

    void make_ready(slot& s) {
        if (s.ready) return;
        if (s.wait.what == task_wait::kind::until) remove_timer(s);
        s.wait = {};
        s.ready = true;
        ready_.push_back(s.task.get());
    }

    void remove_timer(const slot& s) {
        for (auto [i, end] = timers_.equal_range(s.wait.time); i != end; ++i) {
            if (i->second == s.task.get()) {
                timers_.erase(i);
                return;
            }
        }
    }

    /// Watch for the descriptor once.
    void arm(slot& s) {
        epoll_event event{};
        event.events = static_cast<std::uint32_t>(EPOLLONESHOT) |
                       static_cast<std::uint32_t>(
                           s.wait.what == task_wait::kind::readable ? EPOLLIN : EPOLLOUT);
        event.data.ptr = s.task.get();
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, s.wait.fd, &event) != 0 &&
            (errno != ENOENT || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, s.wait.fd, &event) != 0))
            make_ready(s);  // cannot be watched: let the task find out why
    }

    void run_one() {
        pool_task* const task = ready_.front();
        ready_.pop_front();
        slot& s = slots_.at(task);
        s.ready = false;
        s.wait = task->run();
        switch (s.wait.what) {
            case task_wait::kind::done:
                finished_ = std::move(s.task);
                slots_.erase(task);
                finished_.reset();
                break;
            case task_wait::kind::again:
                s.ready = true;
                ready_.push_back(task);
                break;
            case task_wait::kind::until:
                timers_.emplace(s.wait.time, task);
                break;
            case task_wait::kind::readable:
            case task_wait::kind::writable:
                arm(s);
                break;
        }
    }

    void take_woken() {
        std::vector<std::shared_ptr<pool_task>> woken;
        {
            const std::lock_guard lock(mutex_);
            woken.swap(woken_);
            have_woken_.store(false, std::memory_order_relaxed);
        }
        for (std::shared_ptr<pool_task>& task : woken) {
            slot& s = slots_[task.get()];
            if (!s.task) s.task = std::move(task);
            make_ready(s);
        }
    }

    void expire_timers() {
        const clock::time_point now = clock::now();
        while (!timers_.empty() && timers_.begin()->first <= now) {
            slot& s = slots_.at(timers_.begin()->second);
            make_ready(s);
        }
    }

    /// Sleep until something happens; false once the worker is to stop.
    bool sleep() {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return false;
            if (!woken_.empty()) return true;
            sleeping_ = true;
        }
        std::array<epoll_event, 32> events;
        const auto deadline =
            timers_.empty() ? std::nullopt : std::optional(timers_.begin()->first);
        const int n =
            wait_events(epoll_.get(), events.data(), static_cast<int>(events.size()), deadline);
        {
            const std::lock_guard lock(mutex_);
            sleeping_ = false;
        }
        for (int i = 0; i < n; ++i) {
            auto* const task =
                static_cast<pool_task*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (task == nullptr) {
                std::uint64_t count;
                static_cast<void>(!::read(wake_.get(), &count, sizeof count));
            } else if (const auto found = slots_.find(task);
                       found != slots_.end() &&
                       (found->second.wait.what == task_wait::kind::readable ||
                        found->second.wait.what == task_wait::kind::writable)) {
                make_ready(found->second);
            }
        }
        return true;
    }

    void loop() {
        ::pthread_setname_np(::pthread_self(), "spead2-send");
        // Wake up from a timed wait as near to its end as the machine can (the default allows 50
        // us).
        ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
        for (;;) {
            if (have_woken_.load(std::memory_order_acquire)) take_woken();
            if (!timers_.empty()) expire_timers();
            if (ready_.empty()) {
                if (!sleep()) break;
                continue;
            }
            if (stopping_.load(std::memory_order_relaxed)) break;
            run_one();
        }
        end();
    }

    void end() {
        take_woken();
        ready_.clear();
        timers_.clear();
        const auto slots = std::exchange(slots_, {});
        for (const auto& [key, s] : slots) s.task->stopped();
    }

    unique_fd epoll_;
    unique_fd wake_;
    std::thread thread_;

    std::mutex mutex_;
    std::vector<std::shared_ptr<pool_task>> woken_;
    std::atomic<bool> have_woken_{false};
    bool sleeping_ = false;
    std::atomic<bool> stopping_{false};

    // The worker's thread only.
    std::unordered_map<pool_task*, slot> slots_;
    std::deque<pool_task*> ready_;
    std::multimap<clock::time_point, pool_task*> timers_;
    std::shared_ptr<pool_task> finished_;
};

/// Far more than there are cores anywhere; the system itself may bear fewer.
constexpr int max_threads = 4096;

}  // namespace

thread_pool::thread_pool(int threads, const std::vector<int>& affinity) {
    if (threads < 1)
        throw std::invalid_argument("a thread pool of " + std::to_string(threads) +
                                    " threads was asked for, but it needs at least 1");
    if (threads > max_threads)
        throw std::invalid_argument("a thread pool of " + std::to_string(threads) +
                                    " threads was asked for, but it can have at most " +
                                    std::to_string(max_threads));
    for (const int core : affinity)
        if (core < 0 || core >= CPU_SETSIZE)
            throw std::invalid_argument("affinity names core " + std::to_string(core) +
                                        ", but cores are numbered from 0 to " +
                                        std::to_string(CPU_SETSIZE - 1));
    try {
        for (int i = 0; i < threads; ++i) {
            auto w = std::make_shared<epoll_worker>();
            epoll_worker::start(
                w, affinity.empty()
                       ? std::nullopt
                       : std::optional(affinity[static_cast<std::size_t>(i) % affinity.size()]));
            workers_.push_back(std::move(w));
        }
    } catch (...) {
        stop();
        throw;
    }
}

thread_pool::~thread_pool() { stop(); }

void thread_pool::stop() {
    for (const std::shared_ptr<worker>& w : workers_) static_cast<epoll_worker&>(*w).stop();
}

void thread_pool::set_affinity(int core) {
    if (core < 0 || core >= CPU_SETSIZE)
        throw std::invalid_argument("core is " + std::to_string(core) +
                                    ", but cores are numbered from 0 to " +
                                    std::to_string(CPU_SETSIZE - 1));
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(core), &set);
    const int error = ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
    if (error != 0)
        throw std::system_error(error, std::generic_category(),
                                "cannot bind the thread to core " + std::to_string(core));
}

std::shared_ptr<thread_pool::worker> thread_pool::next_worker() noexcept {
    const std::lock_guard lock(mutex_);
    return workers_[next_++ % workers_.size()];
}

}  // namespace spead2
