// SPDX-License-Identifier: Apache-2.0
#include <spead2/runtime/thread_pool.h>

#include <pthread.h>
#include <sched.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "epoll_worker.h"

namespace spead2 {
namespace {

/// Far more than there are cores anywhere; the system itself may bear fewer.
constexpr int max_threads = 4096;
/// sched_get_priority_max(SCHED_FIFO)
constexpr int max_priority = 99;

}  // namespace

thread_pool::thread_pool(int threads, const std::vector<int>& affinity, int priority) {
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
    if (priority < 0 || priority > max_priority)
        throw std::invalid_argument("priority is " + std::to_string(priority) +
                                    ", but it is from 1 to " + std::to_string(max_priority) +
                                    ", or 0 for none");
    try {
        workers_.reserve(static_cast<std::size_t>(threads));
        for (int i = 0; i < threads; ++i) {
            workers_.push_back(detail::start_epoll_worker(
                affinity.empty()
                    ? std::nullopt
                    : std::optional(affinity[static_cast<std::size_t>(i) % affinity.size()]),
                priority));
        }
    } catch (...) {
        stop();
        throw;
    }
}

thread_pool::~thread_pool() {
    stop();
    // The threads that a child does not have cannot be joined; what they worked with stays.
    if (home_.is_left()) leave_to_parent(std::move(workers_));
}

void thread_pool::stop() {
    if (home_.is_left()) return;
    for (const std::shared_ptr<worker>& w : workers_) w->stop();
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

std::shared_ptr<thread_pool::worker> thread_pool::next_worker() {
    home_.check("the thread pool");
    const std::lock_guard lock(mutex_);
    return workers_[next_++ % workers_.size()];
}

}  // namespace spead2
