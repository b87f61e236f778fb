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
    /// No packets are added any more; what is in the queue can still be taken. Harmless when
    /// repeated.
    void stop();
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool stopped() const;

private:
    friend class inproc_transport;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<packet_bytes> packets_;
    bool stopped_ = false;
};

}  // namespace spead2
