// SPDX-License-Identifier: Apache-2.0
// What the driver of a stream does, a step at a time: fill a batch, give it to the transport, enter
// what became of it in the books, complete groups. Who may do so is driver_role's matter.
#pragma once

#include <cstddef>
#include <mutex>
#include <system_error>

#include <spead2/runtime/thread_pool.h>
#include <spead2/send/config.h>
#include <spead2/send/transport.h>

#include "completions.h"
#include "group_queue.h"
#include "next_batch.h"

namespace spead2::send::detail {

class driver {
public:
    driver(group_queue& queue, completions& completed, transport& carrier,
           const stream_config& config, std::size_t max_packet_size)
        : queue_(queue),
          completed_(completed),
          transport_(carrier),
          batch_(config, max_packet_size, carrier) {}

    // The stream's lock, which guards the queue, is held before and after, and given up meanwhile.

    /// Send a batch, or as much of it as goes without waiting.
    /// \return what to wait for; done: there is nothing to do
    [[nodiscard]] task_wait step(std::unique_lock<std::mutex>& lock) noexcept;

    /// Give up everything that is queued. \return heaps that were not sent
    std::size_t fail_all(const std::error_code& error, std::unique_lock<std::mutex>& lock) noexcept;

private:
    void fill(std::unique_lock<std::mutex>& lock) noexcept;
    void account(std::span<const packet> given, const send_result& result) noexcept;
    bool complete_groups(std::unique_lock<std::mutex>& lock) noexcept;

    group_queue& queue_;
    completions& completed_;
    transport& transport_;

    next_batch batch_;
    packet_span ready_{};         ///< packets to send: those of the batch, or premade ones
    std::size_t ready_next_ = 0;  ///< first one not accepted yet
    bool finished_some_ = false;  ///< groups may have finished
    group_queue::part filled_{};  ///< what the queue is to be told at the next opportunity
};

}  // namespace spead2::send::detail
