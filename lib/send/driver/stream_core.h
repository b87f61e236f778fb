// SPDX-License-Identifier: Apache-2.0
// What a stream, its worker and its waiting threads share: the queue, and the one driver at a time
// who turns heaps into packets and hands them to the transport.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include <spead2/send/stream.h>
#include "group.h"
#include "rate_limiter.h"
#include "send/packets/packet_batch.h"

namespace spead2::send::detail {

class stream_core final : public pool_task, public std::enable_shared_from_this<stream_core> {
public:
    using clock = std::chrono::steady_clock;

    stream_core(std::shared_ptr<thread_pool> pool, const stream_config& config,
                std::unique_ptr<transport> carrier);

    void submit(std::unique_ptr<heap_group>& group, drive how);
    void kick(drive how);
    bool wait(std::unique_ptr<blocking_group>& group, const interrupt_check& interrupted);
    bool flush(const interrupt_check& interrupted);
    /// End of the stream's life: drain, then fail what is left.
    void close();

    void set_cnt_sequence(std::uint64_t next, std::uint64_t step);
    void set_rate(double bytes_per_second);
    [[nodiscard]] stream_config config();
    [[nodiscard]] std::size_t num_substreams() const noexcept { return num_substreams_; }
    [[nodiscard]] std::size_t max_packet_size() const noexcept { return max_packet_size_; }
    [[nodiscard]] transport& carrier() noexcept { return *transport_; }

    [[nodiscard]] task_wait run() noexcept override;
    void stopped() noexcept override;

    /// A blocking group is complete.
    void complete(blocking_group& group) noexcept;

private:
    using entry = group_state::entry;

    /// Who may touch the members marked "driver".
    enum class role : std::uint8_t { nobody, worker, caller };

    /// Consecutive packets of one size: of one heap, or the only ones of consecutive heaps.
    struct packet_run {
        group_state* group;
        entry* heap;  ///< the first one; null for premade packets
        std::uint32_t size;
        std::uint32_t count;
    };

    // Queue.
    void enqueue(group_state& group);
    void check(group_state& group) const;
    void remove_last(group_state& group, std::uint64_t next_cnt) noexcept;
    void add_waiting(blocking_group& group) noexcept;
    void remove_waiting(blocking_group& group) noexcept;
    /// Let go of the driver's role: to a thread that waits, a worker, or nobody.
    void release_role(std::unique_lock<std::mutex>& lock) noexcept;

    // Driver.
    [[nodiscard]] task_wait step() noexcept;
    enum class fill_result : std::uint8_t { some, nothing, early };
    [[nodiscard]] fill_result fill() noexcept;
    [[nodiscard]] bool start_burst(double seconds_per_byte) noexcept;
    void fill_premade(group_state& group) noexcept;
    [[nodiscard]] std::size_t fill_small(group_state& group, std::size_t most_bytes) noexcept;
    [[nodiscard]] static entry* next_entry(group_state& group) noexcept;
    static void advance(group_state& group) noexcept;
    packetiser::run make_packets(group_state& group, entry& e, std::size_t most) noexcept;
    void account(const send_result& result) noexcept;
    void packets_left(packet_run& run, std::uint32_t count) noexcept;
    void complete_groups() noexcept;
    void fail_all(const std::error_code& error) noexcept;
    void complete_list(group_state* first, std::uint64_t n) noexcept;
    class precise_timer;
    static void wait_as_caller(const task_wait& wait, clock::time_point limit,
                               precise_timer& timer) noexcept;

    // Fixed.
    const std::shared_ptr<thread_pool> pool_;  ///< goes on as long as its streams
    const std::shared_ptr<thread_pool::worker> worker_;
    const std::unique_ptr<transport> transport_;
    const std::size_t num_substreams_;
    const std::size_t max_packet_size_;
    const bool hardware_rate_;
    const std::size_t max_run_;  ///< packets made in a row

    // Queue, under the lock.
    std::mutex mutex_;
    stream_config config_;
    std::uint64_t next_cnt_ = 1;
    std::uint64_t step_cnt_ = 1;
    group_state* head_ = nullptr;  ///< oldest group that is not complete
    group_state* tail_ = nullptr;
    group_state* fill_ = nullptr;  ///< oldest group that may have packets to make
    std::size_t queued_heaps_ = 0;
    std::uint64_t submitted_ = 0;  ///< groups
    role role_ = role::nobody;
    bool closing_ = false;
    blocking_group* first_waiting_ = nullptr;
    blocking_group* last_waiting_ = nullptr;
    std::condition_variable role_free_;
    std::condition_variable flushed_;
    std::atomic<std::uint64_t> completed_{0};  ///< groups, their complete() included
    std::atomic<unsigned> flush_waiters_{0};
    std::atomic<std::thread::id> completing_thread_{};
    bool orphaned_ = false;  ///< closed from within complete(); the driver drains
    clock::time_point drain_limit_{};

    // Driver.
    packet_batch batch_;
    packet_span ready_{};           ///< packets to send: those of the batch, or premade ones
    std::size_t ready_next_ = 0;    ///< first one not accepted yet
    std::vector<packet_run> runs_;  ///< packets made and not yet released, in order
    std::size_t first_run_ = 0;
    rate_limiter limiter_;
    bool ran_empty_ = true;  ///< and the queue ran empty after it
    bool finished_some_ = false;
};

}  // namespace spead2::send::detail
