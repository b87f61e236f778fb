// SPDX-License-Identifier: GPL-3.0-or-later
// Calls a function once a second while a flowgraph runs, whatever its blocks are waiting for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace gr::spead2 {

class ticker {
public:
    ticker() = default;
    ~ticker() { stop(); }

    void start(std::function<void()> tick) {
        stop();
        stopping_ = false;
        thread_ = std::thread([this, tick = std::move(tick)] {
            auto next = std::chrono::steady_clock::now();
            std::unique_lock lock(mutex_);
            for (;;) {
                next += std::chrono::seconds(1);
                if (changed_.wait_until(lock, next, [this] { return stopping_; })) return;
                lock.unlock();
                tick();
                lock.lock();
            }
        });
    }

    void stop() {
        if (!thread_.joinable()) return;
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

private:
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
};

}  // namespace gr::spead2
