// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/ring.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <system_error>

#include <spead2/base/errors.h>

#include "net/socket.h"

namespace spead2::recv {
namespace {

constexpr std::chrono::milliseconds interrupt_interval{100};

/// Sleep until \a ready says so. \return false if \a interrupted said to give up
template <typename Ready>
bool sleep_until(std::unique_lock<std::mutex>& held, std::condition_variable& changed,
                 std::size_t& sleepers, const interrupt_check& interrupted, Ready&& ready) {
    while (!ready()) {
        ++sleepers;
        if (!interrupted) {
            changed.wait(held);
        } else {
            changed.wait_for(held, interrupt_interval);
        }
        --sleepers;
        if (!interrupted || ready()) continue;
        held.unlock();
        const bool give_up = interrupted();
        held.lock();
        if (give_up) return false;
    }
    return true;
}

}  // namespace

/// A descriptor that polls readable as long as it is set.
class ring_base::event {
public:
    event() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (fd_.get() < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    void set(bool readable) noexcept {
        if (readable == readable_) return;
        readable_ = readable;
        std::uint64_t count = 1;
        if (readable)
            static_cast<void>(!::write(fd_.get(), &count, sizeof count));
        else
            static_cast<void>(!::read(fd_.get(), &count, sizeof count));
    }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
    unique_fd fd_;
    bool readable_ = false;
};

ring_base::ring_base(std::size_t capacity) : capacity_(capacity) {}
ring_base::~ring_base() = default;

std::size_t ring_base::size() const {
    const std::lock_guard held(mutex_);
    return size_;
}

bool ring_base::stopped() const {
    const std::lock_guard held(mutex_);
    return stopped_;
}

void ring_base::update_events() noexcept {
    if (data_event_) data_event_->set(stopped_ || size_ != 0);
    if (space_event_) space_event_->set(stopped_ || size_ < capacity_);
}

bool ring_base::stop() {
    waiter_list told;
    {
        const std::lock_guard held(mutex_);
        if (stopped_) return false;
        stopped_ = true;
        update_events();
        told.swap(data_waiters_);
        for (space_waiter& w : space_waiters_) told.push_back(std::move(w.who));
        space_waiters_.clear();
    }
    data_->notify_all();
    space_->notify_all();
    for (const auto& w : told)
        if (const auto who = w.lock()) who->ready();
    return true;
}

void ring_base::add_producer() {
    const std::lock_guard held(mutex_);
    ++producers_;
}

bool ring_base::remove_producer() {
    {
        const std::lock_guard held(mutex_);
        if (producers_ == 0) return false;
        --producers_;
        if (producers_ != 0) return false;
    }
    stop();
    return true;
}

int ring_base::event_fd(std::unique_ptr<event>& e) {
    const std::lock_guard held(mutex_);
    if (!e) {
        e = std::make_unique<event>();
        update_events();
    }
    return e->fd();
}

int ring_base::data_fd() { return event_fd(data_event_); }
int ring_base::space_fd() { return event_fd(space_event_); }

bool ring_base::wait_data(std::weak_ptr<waiter> who) {
    const std::lock_guard held(mutex_);
    if (stopped_ || size_ != 0) return false;
    add_waiter(data_waiters_, std::move(who));
    return true;
}

bool ring_base::wait_space(std::weak_ptr<waiter> who, std::size_t slots) {
    const std::lock_guard held(mutex_);
    if (stopped_ || capacity_ - size_ >= slots) return false;
    std::erase_if(space_waiters_, [&who](const space_waiter& w) {
        return w.who.expired() || same_waiter(w.who, who);
    });
    space_waiters_.push_back({std::move(who), slots});
    return true;
}

void ring_base::check_not_stopped() const {
    if (stopped_) throw stopped_error("ring buffer has been stopped");
}

void ring_base::check_not_drained() const {
    if (stopped_ && size_ == 0) throw stopped_error("ring buffer has been stopped");
}

bool ring_base::before_pop(lock& held, const interrupt_check& interrupted) {
    if (!sleep_until(held, *data_, data_sleepers_, interrupted,
                     [this] { return stopped_ || size_ != 0; }))
        return false;
    check_not_drained();
    return true;
}

bool ring_base::before_push(lock& held, const interrupt_check& interrupted) {
    if (!sleep_until(held, *space_, space_sleepers_, interrupted,
                     [this] { return stopped_ || size_ < capacity_; }))
        return false;
    check_not_stopped();
    return true;
}

void ring_base::after_pop(lock& held, std::size_t n) {
    first_ = (first_ + n) % capacity_;
    size_ -= n;
    update_events();
    const bool wake = space_sleepers_ != 0;
    waiter_list told;
    for (auto i = space_waiters_.begin(); i != space_waiters_.end();) {
        if (capacity_ - size_ >= i->slots) {
            told.push_back(std::move(i->who));
            i = space_waiters_.erase(i);
        } else {
            ++i;
        }
    }
    held.unlock();
    if (wake) {
        if (n == 1)
            space_->notify_one();
        else
            space_->notify_all();
    }
    for (const auto& w : told)
        if (const auto who = w.lock()) who->ready();
}

void ring_base::after_push(lock& held, std::size_t n) {
    size_ += n;
    update_events();
    const bool wake = data_sleepers_ != 0;
    waiter_list told;
    told.swap(data_waiters_);
    held.unlock();
    if (wake) {
        if (n == 1)
            data_->notify_one();
        else
            data_->notify_all();
    }
    for (const auto& w : told)
        if (const auto who = w.lock()) who->ready();
}

}  // namespace spead2::recv
