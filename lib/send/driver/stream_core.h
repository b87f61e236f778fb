// SPDX-License-Identifier: Apache-2.0
// What a stream, its worker and its waiting threads share: who calls, who waits, who drives next. What
// is queued, who drives, and what a driver does are parts of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <system_error>

#include <spead2/runtime/forks.h>
#include <spead2/runtime/thread_pool.h>
#include <spead2/send/stream.h>
#include <spead2/send/transport.h>

#include "completions.h"
#include "driver.h"
#include "driver_role.h"
#include "gathering.h"
#include "group_queue.h"

namespace spead2::send::detail {

class stream_core final : public pool_task, public std::enable_shared_from_this<stream_core> {
public:
    using clock = std::chrono::steady_clock;

    stream_core(std::shared_ptr<thread_pool> pool, const stream_config& config,
                std::unique_ptr<transport> carrier);
    ~stream_core() override;

    // As stream has them.
    void submit(std::unique_ptr<heap_group>& group, drive how);
    [[nodiscard]] bool gather(std::unique_ptr<heap_group>& group);
    void kick(drive how);
    bool wait(std::unique_ptr<blocking_group>& group, const interrupt_check& interrupted);
    bool flush(const interrupt_check& interrupted);
    void set_cnt_sequence(std::uint64_t next, std::uint64_t step);
    void set_rate(double bytes_per_second);
    [[nodiscard]] stream_config config();
    [[nodiscard]] bool gathered() const noexcept { return gathering_.active(); }
    [[nodiscard]] bool is_forked() const noexcept { return fork_count() != made_in_; }
    [[nodiscard]] std::size_t num_substreams() const noexcept { return num_substreams_; }
    [[nodiscard]] std::size_t max_packet_size() const noexcept { return max_packet_size_; }
    [[nodiscard]] transport& carrier() noexcept { return *transport_; }
    [[nodiscard]] repeated_message& refusals() noexcept { return refusals_; }
    /// End of the stream's life: drain, then fail what is left. Not in a child of its process.
    void close() noexcept;

    /// The process ends: tell what is left, if that is known without waiting.
    void tell_left() noexcept;

    [[nodiscard]] task_wait run() noexcept override;
    void stopped() noexcept override;

private:
    void check_process() const;
    void begin_waiting(waiter& me) noexcept;
    void let_go(std::unique_lock<std::mutex>& lock) noexcept;
    [[nodiscard]] bool interrupt(waiter& me, std::unique_lock<std::mutex>& lock,
                                 const interrupt_check& interrupted);
    void abandon(group_state& group, std::unique_lock<std::mutex>& lock) noexcept;
    [[nodiscard]] task_wait drain(task_wait next, std::unique_lock<std::mutex>& lock) noexcept;
    void tell_unsent(std::size_t heaps, const char* why) noexcept;

    // Fixed.
    const std::shared_ptr<thread_pool> pool_;  ///< goes on as long as its streams
    const std::unique_ptr<transport> transport_;
    const std::size_t num_substreams_;
    const std::size_t max_packet_size_;
    const std::uint64_t made_in_ = fork_count();
    repeated_message refusals_;

    // Under the lock.
    std::mutex mutex_;
    group_queue queue_;
    driver_role role_;
    gathering gathering_;
    unsigned interrupted_ = 0;  ///< threads that asked whether to go on waiting, and will come back
    bool closing_ = false;

    completions completed_;
    driver driver_;
    // Closed from within complete(); the driver drains.
    bool orphaned_ = false;
    clock::time_point drain_limit_{};
};

}  // namespace spead2::send::detail
