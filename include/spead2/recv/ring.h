// SPDX-License-Identifier: Apache-2.0
// A bounded queue between workers, which never sleep on it, and those who take from it, who may.
// Heaps and chunks go through it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <spead2/runtime/forks.h>
#include <spead2/runtime/waiter.h>

namespace spead2::recv {

/// Asked now and then (at least every 100 ms) while a call blocks; returns true (or throws) to give
/// up waiting.
using interrupt_check = std::function<bool()>;

/// What rings of all types have in common: their bookkeeping.
class ring_base {
public:
    ring_base(const ring_base&) = delete;
    ring_base& operator=(const ring_base&) = delete;

    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool stopped() const;

    /// Nothing is put in any more; what is there can still be taken. Wakes everybody.
    /// \return whether this call did it
    bool stop();

    void add_producer();
    /// \return whether that was the last one; the ring is then stopped
    bool remove_producer();

    /// Descriptor that polls readable while there is something to take, and after stop(). Made when
    /// first asked for. Never read from it. \throw std::system_error
    [[nodiscard]] int data_fd();
    /// The same for room.
    [[nodiscard]] int space_fd();

    /// Tell \a who once when there is something to take, or the ring is stopped.
    /// \return false: it is so already, and \a who is not told
    [[nodiscard]] bool wait_data(std::weak_ptr<waiter> who);
    /// Tell \a who once when there is room for \a slots, or the ring is stopped.
    [[nodiscard]] bool wait_space(std::weak_ptr<waiter> who, std::size_t slots = 1);

protected:
    explicit ring_base(std::size_t capacity);
    ~ring_base();

    /// Who is to be woken once the lock is gone.
    class wake_up;
    using lock = std::unique_lock<std::mutex>;

    // With the lock held; before_*() block.
    [[nodiscard]] bool before_pop(lock& held, const interrupt_check& interrupted);
    [[nodiscard]] bool before_push(lock& held, const interrupt_check& interrupted);
    void after_pop(lock& held, std::size_t n);
    void after_push(lock& held, std::size_t n);
    void check_not_stopped() const;
    void check_not_drained() const;

    const home_process home_;
    mutable std::mutex mutex_;
    const std::size_t capacity_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    bool stopped_ = false;

private:
    class event;
    struct space_waiter {
        std::weak_ptr<waiter> who;
        std::size_t slots;
    };
    void update_events() noexcept;
    [[nodiscard]] int event_fd(std::unique_ptr<event>& e);

    parents_own<std::condition_variable> data_;
    parents_own<std::condition_variable> space_;
    std::size_t data_sleepers_ = 0;
    std::size_t space_sleepers_ = 0;
    std::size_t producers_ = 0;
    std::unique_ptr<event> data_event_;
    std::unique_ptr<event> space_event_;
    waiter_list data_waiters_;
    std::vector<space_waiter> space_waiters_;
};

/// \tparam T  movable, default constructible
template <typename T>
class ring final : public ring_base {
public:
    /// \param capacity  may be 0 (nothing ever fits)
    explicit ring(std::size_t capacity) : ring_base(capacity), slots_(capacity) {}
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring() {
        if (home_.is_left()) leave_to_parent(std::move(slots_));
    }

    /// \return nothing if the ring is empty \throw stopped_error if it is stopped, too
    [[nodiscard]] std::optional<T> try_pop() {
        lock held(mutex_);
        if (size_ == 0) {
            check_not_drained();
            return std::nullopt;
        }
        return take(held);
    }
    /// As many as there are, at most out.size(). \return how many
    std::size_t try_pop_many(std::span<T> out) {
        lock held(mutex_);
        if (size_ == 0 && !out.empty()) check_not_drained();
        const std::size_t n = out.size() < size_ ? out.size() : size_;
        for (std::size_t i = 0; i < n; ++i) out[i] = std::move(slots_[index(i)]);
        if (n != 0) after_pop(held, n);
        return n;
    }
    /// Wait for one. \return nothing if \a interrupted said to give up
    [[nodiscard]] std::optional<T> pop(const interrupt_check& interrupted = {}) {
        lock held(mutex_);
        if (!before_pop(held, interrupted)) return std::nullopt;
        return take(held);
    }

    /// \return false if there is no room; \a value is moved from otherwise
    /// \throw stopped_error
    bool try_push(T& value) {
        lock held(mutex_);
        check_not_stopped();
        if (size_ == capacity_) return false;
        slots_[index(size_)] = std::move(value);
        after_push(held, 1);
        return true;
    }
    /// As many as there is room for, from the front. \return how many; those are moved from
    std::size_t try_push_many(std::span<T> values) {
        lock held(mutex_);
        check_not_stopped();
        const std::size_t room = capacity_ - size_;
        const std::size_t n = values.size() < room ? values.size() : room;
        for (std::size_t i = 0; i < n; ++i) slots_[index(size_ + i)] = std::move(values[i]);
        if (n != 0) after_push(held, n);
        return n;
    }
    /// Wait for room. \return false if \a interrupted said to give up
    bool push(T& value, const interrupt_check& interrupted = {}) {
        lock held(mutex_);
        if (!before_push(held, interrupted)) return false;
        slots_[index(size_)] = std::move(value);
        after_push(held, 1);
        return true;
    }

private:
    [[nodiscard]] std::size_t index(std::size_t i) const noexcept {
        const std::size_t j = first_ + i;
        return j < capacity_ ? j : j - capacity_;
    }
    std::optional<T> take(lock& held) {
        std::optional<T> value(std::move(slots_[first_]));
        after_pop(held, 1);
        return value;
    }

    std::vector<T> slots_;
};

}  // namespace spead2::recv
