// SPDX-License-Identifier: Apache-2.0
// What an ibverbs sender does when the device fails: as few packets as possible are lost, and each
// of them is known by its error.
//
// Contract: after any of these calls either the queue takes packets again, and what it had not done
// is posted once more, or the device is given up: broken() says why, and nothing is in flight but
// what has failed. What has come of the packets is in completions.h, to be reported there.
#pragma once

#include <cstddef>
#include <system_error>

#include "completions.h"

namespace spead2::send::detail {

class recovery {
public:
    recovery(send_queue& queue, slot_ring& ring, completions& books, failure_log& log) noexcept
        : queue_(queue), ring_(ring), books_(books), log_(log) {}

    /// A request failed, and with it the queue stopped; nothing after it was sent.
    void fail_request(const completions::failed_request& failure) noexcept;
    /// No completion will come for the packets in flight, since the device refused those that asked
    /// for one.
    void drain() noexcept;
    /// Nobody knows what became of the packets in flight.
    void fail_in_flight(const std::error_code& reason) noexcept;

    /// Why everything fails from now on; no error as long as it does not.
    [[nodiscard]] const std::error_code& broken() const noexcept { return broken_; }
    void close(const std::error_code& reason) noexcept {
        queue_.close();
        broken_ = reason;
    }

private:
    void restart() noexcept;
    [[nodiscard]] bool stop_and_look(std::size_t& sent) noexcept;
    void give_up(const std::error_code& error) noexcept;

    send_queue& queue_;
    slot_ring& ring_;
    completions& books_;
    failure_log& log_;
    std::error_code broken_;
};

}  // namespace spead2::send::detail
