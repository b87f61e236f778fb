// SPDX-License-Identifier: Apache-2.0
// From the posting of packets to the report that they are sent or failed.
//
// Contract: post() gives filled slots to the device; poll() learns which are done, in order;
// take() says how many of the oldest were sent and how many after them failed, and their slots are
// free. A packet that failed is marked and reported in its turn. What to do about a queue that
// stopped is recovery.h's matter, and when to look again net/completion_wait.h's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

#include <spead2/send/transport.h>

#include "failure_log.h"
#include "send_queue.h"
#include "slots.h"

namespace spead2::send::detail {

class completions {
public:
    completions(send_queue& queue, slot_ring& ring, failure_log& log) noexcept
        : queue_(queue), ring_(ring), log_(log) {}

    /// Post the \a n slots in flight from \a first on as one batch. If the device refuses one, that
    /// packet has failed, and those behind it are posted as a batch of their own.
    void post(std::size_t first, std::size_t n) noexcept;

    enum class outcome : std::uint8_t {
        fine,
        failed,  ///< a request failed, with it the queue stopped; failure() says which and why
        broken,  ///< the completion queue is
    };
    /// Look for completions and report them.
    [[nodiscard]] outcome poll() noexcept;
    struct failed_request {
        std::size_t at;  ///< in flight
        ibv_wc completion;
    };
    [[nodiscard]] const failed_request& failure() const noexcept { return failed_request_; }

    /// The first \a n in flight are done: sent, or marked before.
    void finish(std::size_t n) noexcept { finished_ = n; }
    [[nodiscard]] std::size_t finished() const noexcept { return finished_; }
    /// Packet \a i of those in flight has failed.
    void mark_failed(std::size_t i, const std::error_code& error) noexcept;
    /// All in flight that are not finished have failed.
    void fail_all(const std::error_code& error) noexcept;
    [[nodiscard]] std::size_t marked() const noexcept { return marked_; }

    /// Report what is finished, up to the first packets that failed: what was sent behind those has
    /// to wait until they are taken.
    void report() noexcept;
    /// Whether there is something to take.
    [[nodiscard]] bool any() const noexcept { return sent_ != 0 || failed_ != 0; }
    [[nodiscard]] bool any_sent() const noexcept { return sent_ != 0; }
    [[nodiscard]] bool any_failed() const noexcept { return failed_ != 0; }
    /// Put the report into \a result.
    void take(send_result& result) noexcept;
    /// Whether slots have become free since this was last asked.
    [[nodiscard]] bool take_progress() noexcept { return std::exchange(progress_, false); }

    /// Whether no completion will come for anything in flight, although something is.
    [[nodiscard]] bool nothing_will_come() const noexcept {
        return ring_.in_flight() != 0 && unsignaled_ == ring_.in_flight();
    }
    /// How many of the youngest in flight were posted, or not, such that no completion tells.
    void set_unsignaled(std::size_t n) noexcept { unsignaled_ = n; }
    void add_unsignaled(std::size_t n) noexcept { unsignaled_ += n; }

    /// Forget everything.
    void clear() noexcept;

private:
    void leave(std::size_t n) noexcept;

    send_queue& queue_;
    slot_ring& ring_;
    failure_log& log_;

    std::size_t finished_ = 0;    ///< of those in flight, the oldest: done, but not reported
    std::size_t unsignaled_ = 0;  ///< the youngest
    std::size_t marked_ = 0;      ///< that have failed
    bool progress_ = false;
    failed_request failed_request_{};

    // Reported, to be taken; sent ones come before failed ones.
    std::size_t sent_ = 0;
    std::size_t failed_ = 0;  ///< for one reason, on their way to one substream
    std::error_code error_;
    std::size_t failed_substream_ = 0;
};

}  // namespace spead2::send::detail
