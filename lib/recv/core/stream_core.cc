// SPDX-License-Identifier: Apache-2.0
// One thread reads at a time, under the lock: nearly always the worker. When heaps come faster than
// they are taken, the readers pause, and whoever takes the last heap reads the next ones himself: waking
// a worker for a few small heaps would cost more than they do.
#include "stream_core.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <utility>

#include <spead2/base/errors.h>

#include "wire/packet_decoding.h"

namespace spead2::recv {
namespace {

/// How long a paused reader waits for somebody who takes heaps to read himself.
constexpr std::chrono::milliseconds patience{1};

/// Heaps below this are small: assembling one costs less than waking a thread.
constexpr std::size_t small_heap = std::size_t{64} << 10;

}  // namespace

/// A reader as the worker sees it.
class stream_core::reader_task final : public pool_task,
                                       public waiter,
                                       public std::enable_shared_from_this<reader_task> {
public:
    reader_task(std::shared_ptr<stream_core> core, std::unique_ptr<reader> from)
        : core_(std::move(core)), source(std::move(from)) {}

    [[nodiscard]] task_wait run() noexcept override;
    void stopped() noexcept override {}
    void ready() noexcept override { wake(); }

    void wake() noexcept {
        try {
            static_cast<void>(core_->worker_->wake(shared_from_this()));
        } catch (const std::exception&) {
            // No memory; whoever waits for more packets asks again.
        }
    }

private:
    const std::shared_ptr<stream_core> core_;

public:
    // Under the stream's lock.
    std::unique_ptr<reader> source;
    bool started = false;
    bool ended = false;
    bool paused = false;
    std::shared_ptr<const void> kept;  ///< of the source, which is closed
    bool timer_wanted = false;         ///< set by whoever has read in the worker's place
    std::uint64_t batch_packets = 0;   ///< of the batch so far
};

/// Has a worker resume a stream.
class stream_core::resume_task final : public pool_task {
public:
    explicit resume_task(std::weak_ptr<stream_core> core) : core_(std::move(core)) {}
    [[nodiscard]] task_wait run() noexcept override {
        if (const auto core = core_.lock()) core->resume(false);
        return {};
    }
    void stopped() noexcept override {}

private:
    const std::weak_ptr<stream_core> core_;
};

/// Holds the lock; what was logged meanwhile is written at its end. Does nothing if the caller holds it
/// already.
class stream_core::locked {
public:
    explicit locked(stream_core& core) : core_(core), nested_(core.held_by_caller()) {
        if (nested_) return;
        core_.mutex_.lock();
        core_.holder_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    }
    locked(const locked&) = delete;
    locked& operator=(const locked&) = delete;
    ~locked() {
        if (nested_) return;
        core_.log_.write();
        // Whoever was told of it may have called stop() from there.
        if (core_.stop_wanted_.load() && !core_.stopped()) {
            core_.stop_now();
            core_.log_.write();
        }
        core_.holder_.store({}, std::memory_order_relaxed);
        core_.mutex_.unlock();
    }
    [[nodiscard]] bool nested() const noexcept { return nested_; }

private:
    stream_core& core_;
    const bool nested_;
};

stream_core::stream_core(stream& owner, std::shared_ptr<thread_pool> pool,
                         const stream_config& config)
    : pool_(std::move(pool)),
      worker_(pool_ ? pool_->next_worker()
                    : throw std::invalid_argument("a stream needs a thread pool, not null")),
      config_(config),
      owner_(&owner),
      batch_stats_(config.stats().size()),
      assembly_(std::make_unique<assembly>(config_, batch_stats_.data(), log_)),
      stats_(config.stats().size()) {}

std::shared_ptr<stream_core> stream_core::make(stream& owner, std::shared_ptr<thread_pool> pool,
                                               const stream_config& config) {
    auto core = std::make_shared<stream_core>(owner, std::move(pool), config);
    core->resume_task_ = std::make_shared<resume_task>(core);
    return core;
}

void stream_core::set_placer(placer& to) {
    assembly_ = std::make_unique<assembly>(config_, batch_stats_.data(), log_, &to);
}

// ---- Readers

void stream_core::add_reader(std::unique_ptr<reader> from) {
    if (!from) throw std::invalid_argument("a reader is needed, not null");
    check_process();
    std::vector<std::shared_ptr<reader_task>> ended;  // destroyed without the lock
    const locked hold(*this);
    ended = take_ended();
    if (config_.explicit_start() && started_)
        throw std::logic_error("Cannot add readers after explicit start");
    if (stopped()) return;
    auto task = std::make_shared<reader_task>(shared_from_this(), std::move(from));
    if (!config_.explicit_start()) begin_reading(*task);
    tasks_.push_back(std::move(task));
}

/// Readers that have ended are not kept until the stream is destroyed: there may be many.
std::vector<std::shared_ptr<stream_core::reader_task>> stream_core::take_ended() {
    std::vector<std::shared_ptr<reader_task>> ended;
    if (current_ != nullptr) return ended;  // called from within a reader
    for (const auto& task : tasks_)
        if (task->ended) ended.push_back(task);
    std::erase_if(tasks_, [](const auto& task) { return task->ended; });
    return ended;
}

void stream_core::start() {
    check_process();
    const locked hold(*this);
    started_ = true;
    if (stopped()) return;
    for (const auto& task : tasks_)
        if (!task->started) begin_reading(*task);
}

void stream_core::begin_reading(reader_task& task) {
    task.source->start(std::weak_ptr<waiter>(task.shared_from_this()));
    task.started = true;
    task.wake();
}

task_wait stream_core::reader_task::run() noexcept {
    const locked hold(*core_);
    return core_->run(*this);
}

task_wait stream_core::run(reader_task& task) noexcept {
    if (stopped() || task.ended || !task.started) return {};
    // Whatever the worker has waited for is over.
    timer_armed_.store(false);
    const bool timer_wanted = std::exchange(task.timer_wanted, false);
    if (task.paused) {
        if (timer_wanted) {
            timer_armed_.store(true);
            return {.what = task_wait::kind::until,
                    .time = std::chrono::steady_clock::now() + patience,
                    .fd = -1};
        }
        deliver();
        if (!assembly_->finished().empty() || owner_->room() == 0) return {};
        task.paused = false;
        update_paused();
    }
    const task_wait wait = step(task);
    if (task.paused && !must_wait_ && !stopped()) {
        timer_armed_.store(true);
        return {.what = task_wait::kind::until,
                .time = std::chrono::steady_clock::now() + patience,
                .fd = -1};
    }
    return wait;
}

/// Have the reader hand over packets. \return false if it is not to be asked again
bool stream_core::read_from(reader_task& task, read_wait& next) noexcept {
    current_ = &task;
    must_wait_ = false;
    room_ = owner_->room();
    try {
        intake to(*this);
        next = task.source->read(to);
    } catch (const std::exception& e) {
        next.what = read_wait::kind::ended;
        next.reason = e.what();
    }
    merge_stats();
    current_ = nullptr;
    deliver();
    log_.note_left_out(false);
    if (stop_wanted_.load()) {
        stop_now();
        return false;
    }
    if (assembly_->stop_seen()) {
        end_of_network();
        return false;
    }
    if (next.what != read_wait::kind::ended) return true;
    task.ended = true;
    task.kept = task.source->close();
    if (!next.reason.empty()) {
        log_.add(log_level::warning, [&next] { return next.reason; });
        if (reason_.empty()) reason_ = next.reason;
    }
    if (config_.stop_on_first_end() ||
        std::all_of(tasks_.begin(), tasks_.end(), [](const auto& t) { return t->ended; }))
        end_of_network();
    return false;
}

task_wait stream_core::step(reader_task& task) noexcept {
    read_wait next;
    if (assembly_->finished().empty()) {
        if (!read_from(task, next)) return {};
    } else {
        deliver();  // of another reader, which has paused
    }
    if (must_wait_) {
        static_cast<void>(pause(task, false));
        return {};
    }
    if (!assembly_->finished().empty() && pause(task, true)) return {};
    switch (next.what) {
        case read_wait::kind::readable:
            return {.what = task_wait::kind::readable, .time = {}, .fd = next.fd};
        case read_wait::kind::later:
            return {.what = task_wait::kind::until, .time = next.time, .fd = -1};
        case read_wait::kind::told:
            return {};
        default:
            return {.what = task_wait::kind::again, .time = {}, .fd = -1};
    }
}

// ---- Packets

void intake::begin_batch() noexcept { core_.begin_batch(); }

std::size_t intake::add_datagrams(std::span<const std::uint8_t> bytes,
                                  std::size_t segment) noexcept {
    return core_.add_datagrams(bytes, segment);
}

std::size_t intake::add_packets(std::span<const std::uint8_t> bytes, std::size_t enough,
                                std::size_t max_size, packet_fault& fault) noexcept {
    return core_.add_packets(bytes, enough, max_size, fault);
}

bool intake::takes_more() const noexcept { return core_.takes_more(); }

void intake::log(log_level level, const std::string& message) noexcept {
    core_.log().add(level, [&message] { return message; });
}

void intake::log_fault(packet_fault fault, std::span<const std::uint8_t> bytes) noexcept {
    core_.log().add(log_level::info, [&] { return describe(fault, bytes); });
}

void stream_core::begin_batch() noexcept {
    merge_stats();
    current_->batch_packets = 0;
    ++batch_stats_[stat_index::batches];
}

std::size_t stream_core::add_datagrams(std::span<const std::uint8_t> bytes,
                                       std::size_t segment) noexcept {
    std::size_t done = 0;
    try {
        while (done < bytes.size() && takes_more()) {
            const std::size_t size = std::min(segment, bytes.size() - done);
            const std::uint8_t* const data = bytes.data() + done;
            packet_view p;
            const packet_fault fault = wire::decode(data, size, p);
            if (fault != packet_fault::none) {
                log_.add(log_level::info, [&] { return describe(fault, {data, size}); });
            } else if (p.size() != size) {
                log_.add(log_level::info, [&] {
                    return "discarding packet due to size mismatch (" + std::to_string(p.size()) +
                           " != " + std::to_string(size) + ")";
                });
            } else if (!assembly_->add(p)) {
                must_wait_ = true;
                break;
            }
            done += size;
        }
    } catch (const std::exception&) {
        done += std::min(segment, bytes.size() - done);  // no memory: the packet is lost
    }
    return done;
}

std::size_t stream_core::add_packets(std::span<const std::uint8_t> bytes, std::size_t enough,
                                     std::size_t max_size, packet_fault& fault) noexcept {
    fault = packet_fault::none;
    enough = std::min(enough, bytes.size());
    std::size_t done = 0;
    std::size_t size = 0;
    try {
        while (done < enough && takes_more()) {
            packet_view p;
            fault = wire::decode(bytes.data() + done, bytes.size() - done, p);
            if (fault != packet_fault::none) break;
            size = p.size();
            if (size > max_size) {
                fault = packet_fault::too_large;
                break;
            }
            if (!assembly_->add(p)) {
                must_wait_ = true;
                break;
            }
            done += size;
        }
    } catch (const std::exception&) {
        done += size;
    }
    return done;
}

void stream_core::merge_stats() noexcept {
    if (current_ != nullptr) {
        current_->batch_packets += batch_stats_[stat_index::packets];
        batch_stats_[stat_index::max_batch] =
            std::max(batch_stats_[stat_index::max_batch], current_->batch_packets);
    }
    const std::lock_guard hold(stats_mutex_);
    for (std::size_t i = 0; i < stats_.size(); ++i) {
        stats_[i] = config_.stats()[i].combine(stats_[i], batch_stats_[i]);
        batch_stats_[i] = 0;
    }
}

stream_stats stream_core::stats() const {
    check_process();
    const std::lock_guard hold(stats_mutex_);
    return {config_.shared_stats(), stats_};
}

// ---- Heaps that are done

void stream_core::deliver() noexcept {
    std::vector<heap_ptr>& finished = assembly_->finished();
    if (finished.empty()) return;
    const std::size_t taken = owner_->heaps_ready(finished);
    if (taken >= finished.size())
        finished.clear();
    else
        finished.erase(finished.begin(), finished.begin() + static_cast<std::ptrdiff_t>(taken));
}

/// No more of this reader until there is room. \return false if there is room after all
bool stream_core::pause(reader_task& task, bool count) noexcept {
    task.paused = true;
    paused_.store(true);
    if (!count) return true;
    const heap& first = *assembly_->finished().front();
    const std::uint64_t cnt = first.cnt();
    small_heaps_.store(first.payload().size() < small_heap, std::memory_order_relaxed);
    ++batch_stats_[stat_index::worker_blocked];
    merge_stats();
    if (task.source->lossy()) owner_->paused(cnt);
    // Whoever has taken heaps before he could see that somebody waits for that.
    deliver();
    if (!assembly_->finished().empty()) return true;
    task.paused = false;
    update_paused();
    return false;
}

void stream_core::update_paused() noexcept {
    paused_.store(!assembly_->finished().empty() ||
                  std::any_of(tasks_.begin(), tasks_.end(),
                              [](const auto& task) { return task->paused && !task->ended; }));
}

void stream_core::resume(bool patient) noexcept {
    if (!paused() || held_by_caller() || is_left()) return;
    if (patient && timer_armed_.load() && small_heaps_.load(std::memory_order_relaxed)) return;
    const locked hold(*this);
    resume_tasks(false);
}

void stream_core::resume_here() noexcept {
    if (!paused() || held_by_caller() || is_left()) return;
    const locked hold(*this);
    resume_tasks(true);
}

void stream_core::resume_later() noexcept {
    try {
        static_cast<void>(worker_->wake(resume_task_));
    } catch (const std::exception&) {
        // No memory to wake anybody with.
    }
}

void stream_core::resume_tasks(bool here) noexcept {
    if (owner_ == nullptr) return;
    const bool had_some = !assembly_->finished().empty();
    deliver();
    if (stopped()) {
        tell_stopped();
        return;
    }
    if (!assembly_->finished().empty() || (here && had_some)) return;
    // By number, since a reader may be added from within.
    for (std::size_t next = 0; next < tasks_.size();) {
        const std::shared_ptr<reader_task> task = tasks_[next++];
        if (!task->paused || task->ended) continue;
        task->paused = false;
        update_paused();
        if (here) {
            const task_wait wait = step(*task);
            if (stopped()) return;
            if (task->paused) {
                if (must_wait_ || timer_armed_.exchange(true)) continue;
                task->timer_wanted = true;
            } else if (wait.what == task_wait::kind::done) {
                continue;
            }
        }
        task->wake();
    }
}

// ---- The end

void stream_core::close_readers() noexcept {
    for (const auto& task : tasks_) {
        if (task->source && !task->ended) task->kept = task->source->close();
        task->ended = true;
        task->wake();  // for the worker to forget it
    }
}

/// No packet comes any more; what is there is delivered as it is.
void stream_core::end_of_network() noexcept {
    stopped_.store(true, std::memory_order_release);
    timer_armed_.store(false);
    try {
        assembly_->flush();
    } catch (const std::exception&) {
        // no memory: the rest is lost
    }
    merge_stats();
    close_readers();
    log_.note_left_out(true);
    paused_.store(true);
    deliver();
    tell_stopped();
}

void stream_core::tell_stopped() noexcept {
    if (!assembly_->finished().empty()) return;
    paused_.store(false);
    if (std::exchange(told_stopped_, true)) return;
    log_.write();  // whoever sees the end is to find all that was said before
    owner_->heaps_stopped();
}

void stream_core::stop() {
    if (is_left()) return;
    want_stop();
    const locked hold(*this);
    if (!hold.nested()) stop_now();  // else when what is going on is done
}

void stream_core::stop_now() noexcept {
    for (const heap_ptr& h : assembly_->finished())
        log_.add(log_level::info, [&h] {
            return "dropped heap " + std::to_string(h->cnt()) + " due to external stop";
        });
    assembly_->finished().clear();
    if (!stopped_.exchange(true)) {
        try {
            assembly_->flush();
        } catch (const std::exception&) {
            // no memory to count with
        }
        assembly_->finished().clear();
        merge_stats();
        close_readers();
    }
    log_.note_left_out(true);
    tell_stopped();
}

void stream_core::close() {
    std::vector<std::unique_ptr<reader>>
        readers;  // they may run code of the user's: without the lock
    stop();
    const locked hold(*this);
    owner_ = nullptr;
    for (const auto& task : tasks_) readers.push_back(std::move(task->source));
    tasks_.clear();
}

std::string stream_core::stop_reason() const {
    check_process();
    if (held_by_caller()) return reason_;
    const std::lock_guard hold(mutex_);
    return reason_;
}

}  // namespace spead2::recv
