// SPDX-License-Identifier: Apache-2.0
#include "stream_core.h"

#include <poll.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include <spead2/base/log.h>

#include "send/packets/only_packet_writer.h"

namespace spead2::send {

void blocking_group::complete() noexcept { core_->complete(*this); }

}  // namespace spead2::send

namespace spead2::send::detail {
namespace {

// One batch: enough that a system call for it is cheap beside the work, little enough that its
// headers stay in the cache and other streams of the worker get their turn.
constexpr std::size_t batch_packets = 512;
constexpr std::size_t batch_bytes = std::size_t{2} << 20;
constexpr std::size_t largest_packet_size = std::size_t{1} << 30;

// Batches that a thread sends which does not mean to wait.
constexpr int caller_steps = 2;

constexpr std::chrono::milliseconds interrupt_interval{100};

[[nodiscard]] std::system_error error(std::errc code, const std::string& what) {
    return {std::make_error_code(code), what};
}

/// How much of the packets the first \a n are, by bytes.
[[nodiscard]] double part_of(std::span<const packet> packets, std::size_t n) noexcept {
    if (n == packets.size()) return 1.0;
    const auto bytes = [](std::span<const packet> some) {
        std::size_t sum = 0;
        for (const packet& p : some) sum += p.size;
        return static_cast<double>(sum);
    };
    return bytes(packets.first(n)) / bytes(packets);
}

[[nodiscard]] bool use_hardware_rate(const stream_config& config, transport& carrier) {
    if (config.get_rate_method() != rate_method::hw || config.rate() == 0.0) return false;
    return carrier.set_hardware_rate(config.rate());
}

}  // namespace

stream_core::stream_core(std::shared_ptr<thread_pool> pool, const stream_config& config,
                         std::unique_ptr<transport> carrier)
    : pool_(std::move(pool)),
      worker_(pool_->next_worker()),
      transport_(std::move(carrier)),
      num_substreams_(transport_->num_substreams()),
      max_packet_size_(std::min(config.max_packet_size(), largest_packet_size)),
      hardware_rate_(use_hardware_rate(config, *transport_)),
      max_run_(std::clamp<std::size_t>(batch_bytes / std::max(max_packet_size_, min_packet_size), 1,
                                       batch_packets)),
      config_(config),
      batch_(batch_packets, max_packet_size_),
      limiter_(config.burst_size(), config.burst_rate_ratio()) {}

/// Sleeps of a thread that is not the engine's own: as precise as the machine can while this lives,
/// and afterwards as before.
class stream_core::precise_timer {
public:
    precise_timer() = default;
    precise_timer(const precise_timer&) = delete;
    precise_timer& operator=(const precise_timer&) = delete;
    ~precise_timer() {
        if (slack_ > 0)
            ::prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(slack_), 0UL, 0UL, 0UL);
    }

    /// Sleep until \a time or a signal.
    void sleep_until(clock::time_point time) noexcept {
        // The default slack of 50 us is most of a burst at 1 GB/s.
        if (slack_ == 0) {
            slack_ = ::prctl(PR_GET_TIMERSLACK);
            ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
        }
        const auto since =
            std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
        const timespec target{static_cast<time_t>(since.count() / 1'000'000'000),
                              static_cast<long>(since.count() % 1'000'000'000)};
        ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &target, nullptr);
    }

private:
    int slack_ = 0;  ///< nanoseconds, before the first sleep
};

// ---- Queue

void stream_core::check(group_state& group) const {
    if (group.premade != nullptr && group.premade->max_packet_size() > max_packet_size_)
        throw std::invalid_argument("the packets were made for a max_packet_size of " +
                                    std::to_string(group.premade->max_packet_size()) +
                                    ", but the stream's is " + std::to_string(max_packet_size_));
    const std::size_t max_heaps = config_.max_heaps();
    if (group.size > max_heaps - std::min(max_heaps, queued_heaps_))
        throw error(
            std::errc::resource_unavailable_try_again,
            std::to_string(group.size) + " more heaps do not fit the queue, which holds " +
                std::to_string(queued_heaps_) + " of max_heaps " + std::to_string(max_heaps));
    if (group.max_substream < num_substreams_ && !group.explicit_cnt) return;
    if (group.premade != nullptr) group.expand();
    for (std::size_t i = 0; i < group.size; ++i) {
        const entry& e = group.at(i);
        if (e.substream >= num_substreams_)
            throw error(std::errc::invalid_argument,
                        "substream_index " + std::to_string(e.substream) +
                            " is out of range: the stream has " + std::to_string(num_substreams_) +
                            " substreams");
        if (group.explicit_cnt && e.cnt >= 0) {
            const flavour& f = e.contents->get_flavour();
            if (static_cast<std::uint64_t>(e.cnt) > f.max_address())
                throw error(std::errc::invalid_argument, "cnt " + std::to_string(e.cnt) +
                                                             " is above " +
                                                             std::to_string(f.max_address()) +
                                                             ", the largest for " + f.to_string());
        }
    }
}

void stream_core::enqueue(group_state& group) {
    check(group);
    const auto seconds_per_byte = [](double rate) { return rate > 0.0 ? 1.0 / rate : 0.0; };
    const double of_stream = seconds_per_byte(hardware_rate_ ? 0.0 : config_.rate());
    if (group.premade != nullptr && of_stream != 0.0) group.expand();
    group.counted = group.premade != nullptr || (group.simple && of_stream == 0.0);
    if (group.counted) {
        group.next_cnt = next_cnt_;
        group.step_cnt = step_cnt_;
        next_cnt_ += step_cnt_ * group.size;
    } else {
        group.make_not_simple();
        for (std::size_t i = 0; i < group.size; ++i) {
            entry& e = group.at(i);
            if (e.cnt < 0) {
                e.cnt = static_cast<std::int64_t>(next_cnt_);
                next_cnt_ += step_cnt_;
            }
            if (e.only.size == 0)
                group.packetisers[e.packets].set_cnt(static_cast<std::uint64_t>(e.cnt));
            e.rate = e.rate < 0.0 ? of_stream : seconds_per_byte(e.rate);
            group.paced = group.paced || e.rate > 0.0;
            e.next = static_cast<std::uint32_t>(i + 1);
        }
        if (group.size != 0) {
            group.at(group.size - 1).next = 0;
            group.previous = static_cast<std::uint32_t>(group.size - 1);
        }
    }
    group.unfinished = group.unpacketised = group.size;
    group.next_group = nullptr;
    (tail_ != nullptr ? tail_->next_group : head_) = &group;
    tail_ = &group;
    if (fill_ == nullptr) fill_ = &group;
    queued_heaps_ += group.size;
    ++submitted_;
}

/// Undo enqueue() of the youngest group, which nobody has looked at yet, but in the group itself.
void stream_core::remove_last(group_state& group, std::uint64_t next_cnt) noexcept {
    group_state* before = nullptr;
    for (group_state* g = head_; g != &group; g = g->next_group) before = g;
    (before != nullptr ? before->next_group : head_) = nullptr;
    tail_ = before;
    if (fill_ == &group) fill_ = nullptr;
    queued_heaps_ -= group.size;
    --submitted_;
    next_cnt_ = next_cnt;
}

void stream_core::submit(std::unique_ptr<heap_group>& group, drive how) {
    std::unique_lock lock(mutex_);
    const std::uint64_t next_cnt = next_cnt_;
    group_state& state = group_state::of(*group);
    enqueue(state);
    if (role_ == role::nobody && how == drive::worker) {
        role_ = role::worker;
        if (!worker_->wake(shared_from_this())) {
            role_ = role::nobody;
            remove_last(state, next_cnt);
            throw error(std::errc::operation_canceled, "the stream's thread pool was stopped");
        }
    }
    static_cast<void>(group.release());
    lock.unlock();
    if (how == drive::caller) kick(how);
}

void stream_core::kick(drive how) {
    std::unique_lock lock(mutex_);
    if (role_ != role::nobody || head_ == nullptr) return;
    if (how == drive::caller) {
        role_ = role::caller;
        lock.unlock();
        for (int i = 0; i < caller_steps && step().what == task_wait::kind::again; ++i) {
        }
        lock.lock();
    }
    release_role(lock);
}

void stream_core::add_waiting(blocking_group& group) noexcept {
    (last_waiting_ != nullptr ? last_waiting_->next_waiting_ : first_waiting_) = &group;
    last_waiting_ = &group;
}

void stream_core::remove_waiting(blocking_group& group) noexcept {
    blocking_group* before = nullptr;
    for (blocking_group* g = first_waiting_; g != nullptr; before = g, g = g->next_waiting_) {
        if (g != &group) continue;
        (before != nullptr ? before->next_waiting_ : first_waiting_) = g->next_waiting_;
        if (last_waiting_ == g) last_waiting_ = before;
        g->next_waiting_ = nullptr;
        return;
    }
}

void stream_core::release_role(std::unique_lock<std::mutex>& lock) noexcept {
    if (head_ == nullptr || closing_) {
        role_ = role::nobody;
        if (closing_) role_free_.notify_all();
    } else if (first_waiting_ != nullptr) {
        blocking_group& next = *first_waiting_;
        remove_waiting(next);
        role_ = role::caller;
        next.must_drive_ = true;
        next.changed_.notify_one();
    } else {
        role_ = role::worker;
        if (!worker_->wake(shared_from_this())) {
            role_ = role::caller;
            lock.unlock();
            fail_all(std::make_error_code(std::errc::operation_canceled));
            lock.lock();
            role_ = role::nobody;
        }
    }
}

void stream_core::complete(blocking_group& group) noexcept {
    std::unique_ptr<blocking_group> abandoned;
    const std::lock_guard lock(mutex_);
    if (group.abandoned_) {
        abandoned.reset(&group);
        return;
    }
    group.done_ = true;
    remove_waiting(group);
    group.changed_.notify_one();
}

bool stream_core::wait(std::unique_ptr<blocking_group>& owner, const interrupt_check& interrupted) {
    blocking_group& group = *owner;
    group.core_ = this;
    std::unique_lock lock(mutex_);
    enqueue(group_state::of(group));
    static_cast<void>(owner.release());
    bool driving = role_ == role::nobody;
    if (driving)
        role_ = role::caller;
    else
        add_waiting(group);

    const auto give_up = [&] {
        // The lock is held. True: the group completed meanwhile, so there is nothing to give up.
        if (group.done_) return true;
        group.abandoned_ = true;
        if (driving || group.must_drive_)
            release_role(lock);
        else
            remove_waiting(group);
        return false;
    };

    precise_timer timer;
    clock::time_point next_check{};
    bool check_now = false;
    while (!group.done_) {
        if (group.must_drive_) {
            group.must_drive_ = false;
            driving = true;
        }
        if (driving) {
            lock.unlock();
            const task_wait next = step();
            if (!group.done_) {
                if (next.what != task_wait::kind::again) {
                    wait_as_caller(next, clock::now() + interrupt_interval, timer);
                    check_now = true;
                } else if (interrupted) {
                    const clock::time_point now = clock::now();
                    check_now = now >= next_check && next_check != clock::time_point{};
                    if (check_now || next_check == clock::time_point{})
                        next_check = now + interrupt_interval;
                }
            }
            lock.lock();
        } else if (!interrupted) {
            group.changed_.wait(lock);
        } else {
            check_now =
                group.changed_.wait_for(lock, interrupt_interval) == std::cv_status::timeout;
        }
        if (check_now && interrupted && !group.done_) {
            check_now = false;
            lock.unlock();
            bool stop = false;
            try {
                stop = interrupted();
            } catch (...) {
                lock.lock();
                if (give_up()) {
                    if (driving) release_role(lock);
                    owner.reset(&group);
                }
                throw;
            }
            lock.lock();
            if (stop && !give_up()) return false;
        }
    }
    if (driving) release_role(lock);
    owner.reset(&group);
    return true;
}

bool stream_core::flush(const interrupt_check& interrupted) {
    std::unique_lock lock(mutex_);
    const std::uint64_t target = submitted_;
    if (completed_.load() >= target) return true;
    if (role_ == role::nobody) release_role(lock);  // what was deferred
    ++flush_waiters_;
    bool reached = true;
    try {
        while (completed_.load() < target) {
            if (!interrupted) {
                flushed_.wait(lock);
            } else if (flushed_.wait_for(lock, interrupt_interval) == std::cv_status::timeout) {
                lock.unlock();
                const bool stop = interrupted();
                lock.lock();
                if (stop) {
                    reached = completed_.load() >= target;
                    break;
                }
            }
        }
    } catch (...) {
        --flush_waiters_;
        throw;
    }
    --flush_waiters_;
    return reached;
}

void stream_core::close() {
    std::unique_lock lock(mutex_);
    drain_limit_ = clock::now() + std::chrono::duration_cast<clock::duration>(
                                      std::chrono::duration<double>(stream::drain_seconds));
    if (completing_thread_.load() == std::this_thread::get_id()) {
        orphaned_ = true;
        return;
    }
    closing_ = true;
    if (role_ == role::worker) static_cast<void>(worker_->wake(shared_from_this()));
    role_free_.wait(lock, [this] { return role_ == role::nobody; });
    role_ = role::caller;
    lock.unlock();
    precise_timer timer;
    for (;;) {
        const task_wait next = step();
        if (next.what == task_wait::kind::done) break;
        if (clock::now() >= drain_limit_ ||
            (next.what == task_wait::kind::until && next.time > drain_limit_)) {
            fail_all(std::make_error_code(std::errc::operation_canceled));
            break;
        }
        wait_as_caller(next, drain_limit_, timer);
    }
    lock.lock();
    role_ = role::nobody;
}

void stream_core::set_cnt_sequence(std::uint64_t next, std::uint64_t step) {
    if (step == 0) throw std::invalid_argument("step is 0, but must not be");
    const std::lock_guard lock(mutex_);
    next_cnt_ = next;
    step_cnt_ = step;
}

void stream_core::set_rate(double bytes_per_second) {
    const std::lock_guard lock(mutex_);
    config_.set_rate(bytes_per_second);
}

stream_config stream_core::config() {
    const std::lock_guard lock(mutex_);
    return config_;
}

// ---- Driver

task_wait stream_core::run() noexcept {
    {
        std::unique_lock lock(mutex_);
        if (role_ != role::worker) return {};  // a wake that came late
        if (closing_) {
            release_role(lock);
            return {};
        }
    }
    task_wait next = step();
    if (next.what == task_wait::kind::done) {
        std::unique_lock lock(mutex_);
        if (head_ != nullptr && !closing_) {
            next.what = task_wait::kind::again;
        } else {
            release_role(lock);
        }
        return next;
    }
    if (orphaned_) {
        const clock::time_point now = clock::now();
        if (now >= drain_limit_) {
            fail_all(std::make_error_code(std::errc::operation_canceled));
            return {};
        }
        // Waiting for a descriptor could outlast the limit.
        if (next.what == task_wait::kind::readable || next.what == task_wait::kind::writable)
            next = {task_wait::kind::until, now + std::chrono::milliseconds(1), -1};
        else if (next.what == task_wait::kind::until)
            next.time = std::min(next.time, drain_limit_);
    }
    return next;
}

void stream_core::stopped() noexcept {
    std::unique_lock lock(mutex_);
    if (role_ != role::worker) return;
    release_role(lock);
}

task_wait stream_core::step() noexcept {
    bool early = false;
    if (ready_next_ == ready_.packets.size()) {
        early = fill() == fill_result::early;
        if (ready_.packets.empty() && first_run_ == runs_.size()) {
            if (finished_some_) complete_groups();
            if (early) return {task_wait::kind::until, limiter_.next(), -1};
            ran_empty_ = true;
            return {};
        }
    }
    const std::span<const packet> rest = ready_.packets.subspan(ready_next_);
    const send_result result = transport_->send({rest, ready_.iovs});
    clock::time_point now = clock::time_point::max();
    if (limiter_.unsent()) {
        now = clock::now();
        limiter_.sent(now, part_of(rest, result.accepted));
    }
    account(result);
    if (finished_some_) complete_groups();
    if (early) return {task_wait::kind::until, limiter_.next(), -1};
    switch (result.wait) {
        case wait_for::readable:
            return {task_wait::kind::readable, {}, transport_->wait_fd()};
        case wait_for::writable:
            return {task_wait::kind::writable, {}, transport_->wait_fd()};
        case wait_for::pause:
            return {task_wait::kind::until, clock::now() + result.pause, -1};
        default:
            break;
    }
    if (ready_next_ == ready_.packets.size() && first_run_ == runs_.size()) {
        // Spares the driver a turn to find that it is too early for the next burst.
        if (limiter_.exhausted() && now < limiter_.next())
            return {task_wait::kind::until, limiter_.next(), -1};
        // Or that the queue is empty.
        const std::lock_guard lock(mutex_);
        if (head_ == nullptr) {
            ran_empty_ = true;
            return {};
        }
    }
    return {task_wait::kind::again, {}, -1};
}

/// The entry whose turn it is to make a packet; null if the group has made all of them.
stream_core::entry* stream_core::next_entry(group_state& group) noexcept {
    while (group.unpacketised != 0) {
        entry& e = group.at(group.current);
        if (!e.packetised) return &e;
        // Out of the ring.
        --group.unpacketised;
        if (group.mode == group_mode::round_robin) group.at(group.previous).next = e.next;
        group.current = e.next;
    }
    return nullptr;
}

/// The current entry has made a packet.
void stream_core::advance(group_state& group) noexcept {
    if (group.mode == group_mode::serial) return;
    const entry& e = group.at(group.current);
    if (e.packetised) return;  // next_entry() takes it out
    group.previous = group.current;
    group.current = e.next;
}

/// Make the next packets of a heap, at most so many.
packetiser::run stream_core::make_packets(group_state& group, entry& e, std::size_t most) noexcept {
    const auto substream = static_cast<std::uint32_t>(e.substream);
    packetiser::run run{1, e.only.size};
    const bool small = e.only.size != 0;
    if (small) {
        only_packet_writer writer(batch_);
        writer.set_form(e.only, e.contents->get_flavour());
        writer.write(*e.contents, static_cast<std::uint64_t>(e.cnt), substream);
        e.packetised = true;
    } else {
        packetiser& packets = group.packetisers[e.packets];
        run = packets.next_run(batch_, substream, most);
        e.unreleased += run.count;
        e.packetised = packets.done();
    }
    if (first_run_ != runs_.size()) {
        packet_run& last = runs_.back();
        if (last.group == &group && last.heap != nullptr && last.size == run.size &&
            (last.heap->only.size != 0) == small && last.heap + (small ? last.count : 0) == &e) {
            last.count += run.count;
            return run;
        }
    }
    runs_.push_back({&group, &e, run.size, run.count});
    return run;
}

/// Make the packets of heaps that need only one, from the current entry on, as many as there are in a
/// row and there is room for, in a group without rates. \return bytes
std::size_t stream_core::fill_small(group_state& group, std::size_t most_bytes) noexcept {
    entry* const begin = &group.at(group.current);
    const entry* const end = group.entries + group.size;
    entry* e = begin;
    const bool counted = group.counted;
    const std::uint64_t step_cnt = group.step_cnt;
    std::uint64_t cnt = group.next_cnt;
    std::size_t bytes = 0;
    {
        only_packet_writer writer(batch_);
        do {
            // All of one form that follow each other.
            const only_packet form = e->only;
            writer.set_form(form, e->contents->get_flavour());
            std::size_t most = writer.room(static_cast<std::size_t>(end - e));
            if (most == 0) break;
            if (most * form.size > most_bytes - bytes) most = (most_bytes - bytes) / form.size + 1;
            entry* const first = e;
            const entry* const stop = e + most;
            do {
                writer.write(*e->contents, counted ? cnt : static_cast<std::uint64_t>(e->cnt),
                             static_cast<std::uint32_t>(e->substream));
                cnt += step_cnt;
                ++e;
            } while (e < stop && e->only == form);
            const auto count = static_cast<std::uint32_t>(e - first);
            runs_.push_back({&group, first, form.size, count});
            bytes += std::size_t{count} * form.size;
        } while (e < end && e->only.size != 0 && bytes < most_bytes);
    }
    group.next_cnt = cnt;
    group.unpacketised -= static_cast<std::size_t>(e - begin);
    group.current = e < end ? static_cast<std::uint32_t>(e - group.entries) : 0;
    return bytes;
}

/// Have the next packets of a group sent that are made already.
void stream_core::fill_premade(group_state& group) noexcept {
    const std::size_t first = group.size - group.unpacketised;
    ready_ = group.premade->renew(first, std::min(group.unpacketised, max_run_), group.next_cnt,
                                   group.step_cnt);
    const std::size_t count = ready_.packets.size();
    group.next_cnt += group.step_cnt * count;
    group.unpacketised -= count;
    packet_run run{&group, nullptr, ready_.packets.front().size, 0};
    for (const packet& p : ready_.packets) {
        if (p.size != run.size) {
            runs_.push_back(run);
            run = {&group, nullptr, p.size, 0};
        }
        ++run.count;
    }
    runs_.push_back(run);
}

/// Have the next packets ready.
stream_core::fill_result stream_core::fill() noexcept {
    batch_.clear();
    ready_ = {};
    ready_next_ = 0;
    group_state* group;
    group_state* last;
    {
        const std::lock_guard lock(mutex_);
        group = fill_;
        last = tail_;
        if (group == nullptr) {
            // A group without heaps is finished from the start.
            finished_some_ = finished_some_ || (head_ != nullptr && head_->unfinished == 0);
            return fill_result::nothing;
        }
    }
    bool paced = false;  // packets with a rate are in the batch
    bool early = false;
    std::size_t bytes = 0;
    while (group != nullptr && bytes < batch_bytes && batch_.has_room()) {
        if (group->premade != nullptr && group->unpacketised != 0) {
            if (batch_.empty()) fill_premade(*group);
            break;
        }
        if (group->counted && group->unpacketised != 0) {
            bytes += fill_small(*group, batch_bytes - bytes);
            continue;
        }
        entry* const e = next_entry(*group);
        if (e == nullptr) {
            finished_some_ = finished_some_ || group->unfinished == 0;
            group = group == last ? nullptr : group->next_group;
            continue;
        }
        if (e->only.size != 0 && !group->paced &&
            (group->mode == group_mode::serial || group->packetisers.empty())) {
            bytes += fill_small(*group, batch_bytes - bytes);
            continue;
        }
        // In round robin, one packet of each heap.
        std::size_t most =
            group->mode == group_mode::serial || group->unpacketised == 1 ? max_run_ : 1;
        if (e->rate > 0.0) {
            if (!paced) {
                early = !start_burst(e->rate);
                if (early) break;
                paced = true;
            }
            const std::size_t fitting = limiter_.fitting(
                e->only.size != 0 ? e->only.size : group->packetisers[e->packets].next_size());
            if (fitting == 0) {
                limiter_.exhaust();
                early = batch_.empty();
                break;
            }
            most = std::min(most, fitting);
        }
        const packetiser::run run = make_packets(*group, *e, most);
        const std::size_t run_bytes = std::size_t{run.count} * run.size;
        if (e->rate > 0.0) limiter_.add(run_bytes, e->rate);
        bytes += run_bytes;
        advance(*group);
    }
    {
        const std::lock_guard lock(mutex_);
        if (group != nullptr)
            fill_ = group;
        else
            fill_ = last->next_group;
    }
    if (!batch_.empty()) ready_ = batch_.from(0);
    if (ready_.packets.empty()) return early ? fill_result::early : fill_result::nothing;
    return fill_result::some;
}

/// Whether a packet with a rate may go now.
bool stream_core::start_burst(double seconds_per_byte) noexcept {
    if (limiter_.exhausted()) {
        const clock::time_point now = clock::now();
        if (now < limiter_.next()) {
            ran_empty_ = false;  // nothing was missed
            return false;
        }
        if (ran_empty_) limiter_.idle(now, seconds_per_byte);
        limiter_.start(seconds_per_byte);
    } else if (ran_empty_) {
        limiter_.idle(clock::now(), seconds_per_byte);
    }
    ran_empty_ = false;
    return true;
}

/// \a count packets of the front run are released.
void stream_core::packets_left(packet_run& run, std::uint32_t count) noexcept {
    run.count -= count;
    group_state& group = *run.group;
    if (run.heap == nullptr) {
        group.unfinished -= count;
    } else if (run.heap->only.size != 0) {
        group.unfinished -= count;
        run.heap += count;
    } else {
        entry& e = *run.heap;
        e.unreleased -= count;
        if (e.unreleased == 0 && e.packetised) --group.unfinished;
    }
    if (group.unfinished == 0) finished_some_ = true;
    if (run.count == 0) ++first_run_;
}

void stream_core::account(const send_result& result) noexcept {
    ready_next_ += result.accepted;
    for (std::size_t left = result.released; left > 0;) {
        packet_run& run = runs_[first_run_];
        const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(left, run.count));
        run.group->bytes_sent += std::uint64_t{n} * run.size;
        left -= n;
        packets_left(run, n);
    }
    for (std::size_t left = result.failed; left > 0;) {
        packet_run& run = runs_[first_run_];
        const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(left, run.count));
        if (!run.group->error) run.group->error = result.error;
        left -= n;
        packets_left(run, n);
    }
    if (first_run_ == runs_.size()) {
        runs_.clear();
        first_run_ = 0;
    } else if (first_run_ >= 4096) {
        runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(first_run_));
        first_run_ = 0;
    }
}

void stream_core::complete_groups() noexcept {
    finished_some_ = false;
    group_state* first;
    std::uint64_t n = 0;
    {
        const std::lock_guard lock(mutex_);
        first = head_;
        group_state* last = nullptr;
        while (head_ != nullptr && head_->unfinished == 0) {
            last = head_;
            queued_heaps_ -= head_->size;
            if (fill_ == head_) fill_ = head_->next_group;
            head_ = head_->next_group;
            ++n;
        }
        if (head_ == nullptr) tail_ = nullptr;
        if (last != nullptr) last->next_group = nullptr;
    }
    if (n != 0) complete_list(first, n);
}

void stream_core::complete_list(group_state* first, std::uint64_t n) noexcept {
    completing_thread_.store(std::this_thread::get_id());
    while (first != nullptr) {
        group_state* const group = first;
        first = group->next_group;
        group->release_premade();
        group->complete();
    }
    completing_thread_.store(std::thread::id());
    completed_.fetch_add(n);
    if (flush_waiters_.load() != 0) {
        const std::lock_guard lock(mutex_);
        flushed_.notify_all();
    }
}

void stream_core::fail_all(const std::error_code& error) noexcept {
    transport_->quiesce();
    ready_ = {};
    ready_next_ = 0;
    runs_.clear();
    first_run_ = 0;
    finished_some_ = false;
    group_state* first;
    std::uint64_t n = 0;
    {
        const std::lock_guard lock(mutex_);
        first = head_;
        for (group_state* g = head_; g != nullptr; g = g->next_group) {
            queued_heaps_ -= g->size;
            if (g->unfinished != 0 && !g->error) g->error = error;
            ++n;
        }
        head_ = tail_ = fill_ = nullptr;
    }
    if (n != 0) complete_list(first, n);
}

void stream_core::wait_as_caller(const task_wait& wait, clock::time_point limit,
                                 precise_timer& timer) noexcept {
    switch (wait.what) {
        case task_wait::kind::until:
            timer.sleep_until(std::min(wait.time, limit));
            break;
        case task_wait::kind::readable:
        case task_wait::kind::writable: {
            pollfd p{wait.fd,
                     static_cast<short>(wait.what == task_wait::kind::readable ? POLLIN : POLLOUT),
                     0};
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(limit - clock::now());
            static_cast<void>(
                ::poll(&p, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 1))));
            break;
        }
        default:
            break;
    }
}

}  // namespace spead2::send::detail
