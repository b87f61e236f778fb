// SPDX-License-Identifier: Apache-2.0
#include <spead2/net/inproc_queue.h>

#include <utility>

#include <spead2/base/errors.h>

namespace spead2 {

void inproc_queue::add_packet(packet_bytes packet) {
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) throw stopped_error("the queue was stopped, so no packet can be added");
        packets_.push_back(std::move(packet));
    }
    changed_.notify_one();
}

std::optional<inproc_queue::packet_bytes> inproc_queue::get_packet(
    std::chrono::nanoseconds timeout) {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return stopped_ || !packets_.empty(); };
    if (timeout < std::chrono::nanoseconds::zero())
        changed_.wait(lock, ready);
    else if (!changed_.wait_for(lock, timeout, ready))
        return std::nullopt;
    if (packets_.empty()) throw stopped_error("the queue was stopped and is empty");
    packet_bytes packet = std::move(packets_.front());
    packets_.pop_front();
    return packet;
}

void inproc_queue::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
}

std::size_t inproc_queue::size() const {
    const std::lock_guard lock(mutex_);
    return packets_.size();
}

bool inproc_queue::stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
}

}  // namespace spead2
