// SPDX-License-Identifier: Apache-2.0
#include "shared_window.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include <spead2/base/errors.h>
#include <spead2/base/log.h>

namespace spead2::recv {

/// Has a worker go on with a window. Each worker has its own, since a task is one worker's.
class shared_window::errand final : public pool_task {
public:
    errand(std::weak_ptr<shared_window> window, std::weak_ptr<ring_waiter> by)
        : window_(std::move(window)), by_(std::move(by)) {}
    [[nodiscard]] task_wait run() noexcept override {
        if (const auto window = window_.lock()) window->go_on();
        return {};
    }
    void stopped() noexcept override;

private:
    const std::weak_ptr<shared_window> window_;
    const std::weak_ptr<ring_waiter> by_;
};

/// Told by the rings, maybe under the window's lock: leaves it to the first worker that still runs.
class shared_window::ring_waiter final : public waiter {
public:
    void add(std::shared_ptr<thread_pool::worker> worker, std::shared_ptr<errand> task) {
        const std::lock_guard hold(mutex_);
        workers_.emplace_back(std::move(worker), std::move(task));
    }
    void ready() noexcept override {
        const std::lock_guard hold(mutex_);
        for (const auto& [worker, task] : workers_)
            if (worker->wake(task)) return;
    }

private:
    std::mutex mutex_;
    std::vector<std::pair<std::shared_ptr<thread_pool::worker>, std::shared_ptr<errand>>> workers_;
};

void shared_window::errand::stopped() noexcept {
    if (const auto by = by_.lock()) by->ready();
}

class shared_window::afterwards {
public:
    afterwards() = default;
    afterwards(const afterwards&) = delete;
    afterwards& operator=(const afterwards&) = delete;
    ~afterwards() {
        for (const auto& c : dropped) try {
                log_message(log_level::info, "dropped chunk " + std::to_string(c->chunk_id) +
                                                 " due to external stop");
            } catch (const std::exception&) {
                // no memory for the text
            }
        if (no_producer) no_producer->remove_producer();
        for (const auto& member : behind) member->move_on();
        for (const auto& member : waiting) member->try_again();
    }

    std::vector<std::unique_ptr<chunk>> dropped;
    std::shared_ptr<chunk_ring> no_producer;  ///< there is one less
    std::vector<std::shared_ptr<window_member>> behind;
    std::vector<std::shared_ptr<window_member>> waiting;
};

shared_window::shared_window(const chunk_group_config& config, std::shared_ptr<chunk_ring> data,
                             std::shared_ptr<chunk_ring> free)
    : lossless_(config.eviction() == eviction_mode::lossless),
      data_(std::move(data)),
      free_(std::move(free)),
      ring_waiter_(std::make_shared<ring_waiter>()),
      chunks_(config.max_chunks()) {}

void shared_window::add(const std::shared_ptr<window_member>& member,
                        std::shared_ptr<thread_pool::worker> worker) {
    auto task = std::make_shared<errand>(weak_from_this(), ring_waiter_);
    const std::lock_guard hold(mutex_);
    if (started_)
        throw std::logic_error("Cannot add a stream after group has started receiving data");
    if (done_) throw std::logic_error("Cannot add a stream after all streams of the group ended");
    ring_waiter_->add(std::move(worker), std::move(task));
    if (members_.empty()) data_->add_producer();
    members_.push_back(member);
}

// ---- With the lock held

/// Whether a member may still touch a chunk, or has not come so far and is not to lose it.
bool shared_window::in_use(std::int64_t id) const noexcept {
    return std::any_of(members_.begin(), members_.end(), [this, id](const auto& m) {
        return m->first_ <= id && (lossless_ || id < m->end_);
    });
}

/// Where the window is to begin.
std::int64_t shared_window::target() const noexcept {
    std::int64_t first = wanted_first_;
    if (lossless_)
        for (const auto& m : members_) first = std::min(first, m->first_);
    return first;
}

/// \return false if the data ring is full
bool shared_window::push_oldest(afterwards& then) {
    std::unique_ptr<chunk>& oldest = slot(first_);
    if (oldest) {
        try {
            while (!data_->try_push(oldest)) {
                if (waits_for_room_) return false;
                waits_for_room_ = data_->wait_space(ring_waiter_);
            }
        } catch (const stopped_error&) {
            then.dropped.push_back(std::move(oldest));
        }
    }
    ++first_;
    return true;
}

/// Move the window on as far as members and the data ring allow.
void shared_window::advance(afterwards& then) {
    if (members_.empty()) {
        if (done_) return;
        while (first_ < end_)
            if (!push_oldest(then)) return;
        done_ = true;
        then.no_producer = data_;
        return;
    }
    const std::int64_t to = target();
    while (first_ < std::min(to, end_))
        if (in_use(first_) || !push_oldest(then)) return;
    if (first_ == end_ && end_ < to) first_ = end_ = to;  // the others would never be in the window
}

/// Have chunks up to \a id. \return false if there is something to wait for
bool shared_window::fetch(std::int64_t id, std::uint64_t stream_id) {
    while (end_ <= id) {
        if (end_ - first_ == static_cast<std::int64_t>(chunks_.size())) return false;
        std::unique_ptr<chunk>& next = slot(end_);
        try {
            std::optional<std::unique_ptr<chunk>> got = free_->try_pop();
            while (!got) {
                if (waits_for_chunks_) return false;
                waits_for_chunks_ = free_->wait_data(ring_waiter_);
                if (!waits_for_chunks_) got = free_->try_pop();
            }
            next = *std::move(got);
            next->chunk_id = end_;
            next->stream_id = stream_id;
        } catch (const stopped_error&) {
            next.reset();
        }
        ++end_;
    }
    return true;
}

void shared_window::tell_waiting(afterwards& then) {
    for (const auto& m : members_)
        if (std::exchange(m->waits_, false)) then.waiting.push_back(m);
}

// ---- Members

shared_window::outcome shared_window::move(window_member& member, std::int64_t& first,
                                           std::int64_t id, std::uint64_t stream_id,
                                           std::vector<chunk*>& chunks) {
    afterwards then;
    const std::lock_guard hold(mutex_);
    started_ = true;
    member.waits_ = false;
    const std::int64_t was = first_ + end_ + member.first_;
    member.first_ = std::max({member.first_, first, lossless_ ? first_ : wanted_first_});
    first = member.first_;
    if (id < first) {
        if (was != first_ + end_ + member.first_) {
            advance(then);
            tell_waiting(then);
        }
        return outcome::too_old;
    }
    const std::int64_t wanted = id - static_cast<std::int64_t>(chunks_.size()) + 1;
    if (wanted > wanted_first_) {
        wanted_first_ = wanted;
        if (!lossless_) {
            // Never before a member's own: its window is not larger than this one.
            for (const auto& m : members_)
                if (m->first_ < std::min(wanted, m->end_)) then.behind.push_back(m);
        }
    }
    advance(then);
    const bool there = fetch(id, stream_id);
    if (was != first_ + end_ + member.first_) tell_waiting(then);
    if (!there) {
        member.waits_ = true;
        return outcome::later;
    }
    member.end_ = id + 1;
    for (std::int64_t i = first; i <= id; ++i)
        chunks[static_cast<std::size_t>(i) % chunks.size()] = slot(i).get();
    return outcome::ready;
}

std::int64_t shared_window::give_up(window_member& member) noexcept {
    afterwards then;
    const std::lock_guard hold(mutex_);
    if (!lossless_ && member.first_ < wanted_first_) {
        member.first_ = wanted_first_;
        try {
            advance(then);
            tell_waiting(then);
        } catch (const std::exception&) {
            // no memory: the next one who moves does it
        }
    }
    return member.first_;
}

void shared_window::leave(window_member& member) noexcept {
    afterwards then;
    const std::lock_guard hold(mutex_);
    if (std::exchange(member.left_, true)) return;
    std::erase_if(members_, [&member](const auto& m) { return m.get() == &member; });
    try {
        advance(then);
        tell_waiting(then);
    } catch (const std::exception&) {
        // no memory: the next one who moves does it
    }
}

void shared_window::go_on() noexcept {
    afterwards then;
    const std::lock_guard hold(mutex_);
    waits_for_room_ = waits_for_chunks_ = false;
    try {
        advance(then);
        tell_waiting(then);
    } catch (const std::exception&) {
        // no memory: the next one who moves does it
    }
}

}  // namespace spead2::recv
