// SPDX-License-Identifier: Apache-2.0
// What a stream, its readers and their worker share: the assembly, and the one who reads at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <spead2/recv/config.h>
#include <spead2/recv/heap.h>
#include <spead2/recv/reader.h>
#include <spead2/recv/stats.h>
#include <spead2/recv/stream.h>
#include <spead2/runtime/forks.h>
#include <spead2/runtime/thread_pool.h>

#include "../assembly/assembly.h"
#include "../log/log_book.h"

namespace spead2::recv {

class stream_core final : public std::enable_shared_from_this<stream_core> {
public:
    stream_core(stream& owner, std::shared_ptr<thread_pool> pool, const stream_config& config);
    [[nodiscard]] static std::shared_ptr<stream_core> make(stream& owner,
                                                           std::shared_ptr<thread_pool> pool,
                                                           const stream_config& config);

    void add_reader(std::unique_ptr<reader> from);
    void start();
    void stop();
    /// Begin to stop: no more packets are taken. Never waits.
    void want_stop() noexcept { stop_wanted_.store(true); }
    /// End of the stream's life: stop, and let go of the readers.
    void close();
    [[nodiscard]] stream_stats stats() const;
    [[nodiscard]] const stream_config& config() const noexcept { return config_; }
    [[nodiscard]] bool stopped() const noexcept {
        return stopped_.load(std::memory_order_acquire) || is_left();
    }
    [[nodiscard]] std::string stop_reason() const;

    /// Whether this is the child of a fork: it has neither the worker nor, perhaps, the locks.
    [[nodiscard]] bool is_left() const noexcept { return home_.is_left(); }
    /// \throw std::system_error in such a child
    void check_process() const { home_.check("the stream"); }

    /// From now on payload goes to \a to. Before the first reader.
    void set_placer(placer& to);
    [[nodiscard]] const std::shared_ptr<thread_pool::worker>& worker() const noexcept {
        return worker_;
    }
    /// Do something while no packet is taken. From any thread, without locks, or within a callback.
    void exclusively(const std::function<void()>& action);
    /// Whether the caller is within a callback of this stream.
    [[nodiscard]] bool held_by_caller() const noexcept {
        return holder_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }
    /// As stop(), but where no lock may be taken: a worker does it.
    void stop_later() noexcept;
    /// While the placer or heaps_ready() runs: where to count, and to log.
    [[nodiscard]] std::uint64_t* batch_stats() noexcept { return batch_stats_.data(); }
    [[nodiscard]] log_book& log() noexcept { return log_; }

    // Back-pressure.
    [[nodiscard]] bool paused() const noexcept { return paused_.load(); }
    /// There is room again. \param patient  somebody who takes heaps will soon come and read himself
    void resume(bool patient) noexcept;
    /// The same, from where no lock may be taken: a worker does it.
    void resume_later() noexcept;
    /// The same, in the calling thread.
    void resume_here() noexcept;

    // For readers, through intake.
    void begin_batch() noexcept;
    [[nodiscard]] std::size_t add_datagrams(std::span<const std::uint8_t> bytes,
                                            std::size_t segment) noexcept;
    [[nodiscard]] std::size_t add_each(
        std::span<const std::span<const std::uint8_t>> packets) noexcept;
    [[nodiscard]] std::size_t add_packets(std::span<const std::uint8_t> bytes, std::size_t enough,
                                          std::size_t max_size, packet_fault& fault) noexcept;
    [[nodiscard]] bool takes_more() const noexcept {
        return !must_wait_ && assembly_->finished().size() <= room_ && !assembly_->stop_seen() &&
               !stop_wanted_.load(std::memory_order_relaxed);
    }

private:
    class reader_task;
    class errand;
    class locked;

    // All with the lock held.
    [[nodiscard]] task_wait run(reader_task& task) noexcept;
    [[nodiscard]] task_wait step(reader_task& task) noexcept;
    [[nodiscard]] bool read_from(reader_task& task, read_wait& next) noexcept;
    void begin_reading(reader_task& task);
    [[nodiscard]] std::vector<std::shared_ptr<reader_task>> take_ended();
    [[nodiscard]] bool add_datagram(const std::uint8_t* data, std::size_t size);
    void log_misfit(packet_fault fault, const packet_view& p, const std::uint8_t* data,
                    std::size_t size);
    void deliver() noexcept;
    void merge_stats() noexcept;
    [[nodiscard]] bool pause(reader_task& task, bool count) noexcept;
    void resume_tasks(bool here) noexcept;
    void update_paused() noexcept;
    void end_of_network() noexcept;
    void stop_now() noexcept;
    void close_readers() noexcept;
    void tell_stopped() noexcept;

    const home_process home_;
    const std::shared_ptr<thread_pool> pool_;
    const std::shared_ptr<thread_pool::worker> worker_;
    const stream_config config_;
    std::shared_ptr<errand> errand_;

    // Under the lock, which is held while packets are taken.
    mutable std::mutex mutex_;
    std::atomic<std::thread::id> holder_{};
    stream* owner_;
    std::vector<std::shared_ptr<reader_task>> tasks_;
    bool started_ = false;
    bool told_stopped_ = false;  ///< heaps_stopped() was called
    log_book log_;
    std::vector<std::uint64_t> batch_stats_;  ///< since the last merge
    std::unique_ptr<assembly> assembly_;
    reader_task* current_ = nullptr;
    std::size_t room_ = 0;
    bool must_wait_ = false;  ///< the placer said later
    std::string reason_;

    std::atomic<bool> stop_wanted_{false};  ///< whoever holds the lock is to stop the stream
    std::atomic<bool> stopped_{false};
    std::atomic<bool> paused_{false};       ///< some reader, or heaps wait for room
    std::atomic<bool> timer_armed_{false};  ///< a worker will look after the paused readers
    std::atomic<bool> small_heaps_{true};   ///< waking a worker costs more than they do

    mutable std::mutex stats_mutex_;
    std::vector<std::uint64_t> stats_;
};

}  // namespace spead2::recv
