// SPDX-License-Identifier: Apache-2.0
// A queue of packets within one process: what a sender puts in, a receiver takes out.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <spead2/runtime/forks.h>
#include <spead2/runtime/waiter.h>

namespace spead2 {

/// An unbounded queue of packets. Any number of threads may add and take.
class inproc_queue {
public:
    using packet_bytes = std::vector<std::uint8_t>;

    /// \throw stopped_error after stop()
    void add_packet(packet_bytes packet);
    /// Take the oldest packet; wait at most \a timeout for one (negative: without limit).
    /// \return nothing when the time is over
    /// \throw stopped_error when the queue is stopped and empty
    [[nodiscard]] std::optional<packet_bytes> get_packet(
        std::chrono::nanoseconds timeout = std::chrono::nanoseconds(-1));
    /// Take the oldest packet if there is one.
    [[nodiscard]] std::optional<packet_bytes> try_get_packet();
    /// Tell \a who once when there is a packet, or the queue is stopped. Of those who wait, the one
    /// who came first is told about a packet.
    /// \return false: it is so already, and \a who is not told
    [[nodiscard]] bool wait_packet(std::weak_ptr<waiter> who);
    /// \a who takes no packets any more. If he has been told of one, somebody else is.
    void stop_waiting(const std::weak_ptr<waiter>& who);
    /// No packets are added any more; what is in the queue can still be taken. Harmless when
    /// repeated.
    void stop();
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool stopped() const;

private:
    friend class inproc_transport;
    mutable std::mutex mutex_;
    parents_own<std::condition_variable> changed_;
    std::deque<packet_bytes> packets_;
    waiter_list waiters_;
    bool stopped_ = false;
};

}  // namespace spead2
