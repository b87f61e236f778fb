// SPDX-License-Identifier: Apache-2.0
#include <spead2/net/inproc_queue.h>

#include <utility>

#include <spead2/base/errors.h>

namespace spead2 {

void inproc_queue::add_packet(packet_bytes packet) {
    std::shared_ptr<waiter> told;
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) throw stopped_error("the queue was stopped, so no packet can be added");
        packets_.push_back(std::move(packet));
        while (!told && !waiters_.empty()) {
            told = waiters_.front().lock();
            waiters_.erase(waiters_.begin());
        }
    }
    changed_->notify_one();
    if (told) told->ready();
}

std::optional<inproc_queue::packet_bytes> inproc_queue::try_get_packet() {
    const std::lock_guard lock(mutex_);
    if (packets_.empty()) return std::nullopt;
    packet_bytes packet = std::move(packets_.front());
    packets_.pop_front();
    return packet;
}

bool inproc_queue::wait_packet(std::weak_ptr<waiter> who) {
    const std::lock_guard lock(mutex_);
    if (stopped_ || !packets_.empty()) return false;
    add_waiter(waiters_, std::move(who));
    return true;
}

std::optional<inproc_queue::packet_bytes> inproc_queue::get_packet(
    std::chrono::nanoseconds timeout) {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return stopped_ || !packets_.empty(); };
    if (timeout < std::chrono::nanoseconds::zero())
        changed_->wait(lock, ready);
    else if (!changed_->wait_for(lock, timeout, ready))
        return std::nullopt;
    if (packets_.empty()) throw stopped_error("the queue was stopped and is empty");
    packet_bytes packet = std::move(packets_.front());
    packets_.pop_front();
    return packet;
}

void inproc_queue::stop_waiting(const std::weak_ptr<waiter>& who) {
    std::shared_ptr<waiter> told;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(waiters_,
                      [&who](const std::weak_ptr<waiter>& w) { return same_waiter(w, who); });
        while (!packets_.empty() && !told && !waiters_.empty()) {
            told = waiters_.front().lock();
            waiters_.erase(waiters_.begin());
        }
    }
    if (told) told->ready();
}

void inproc_queue::stop() {
    waiter_list told;
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        told.swap(waiters_);
    }
    changed_->notify_all();
    for (const auto& w : told)
        if (const auto who = w.lock()) who->ready();
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
