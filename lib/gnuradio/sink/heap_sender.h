// SPDX-License-Identifier: GPL-3.0-or-later
// Queues a sink's heaps on its stream and keeps account of them, from the flowgraph's start to its
// stop. What is in the heaps is not its matter.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gnuradio/block_detail.h>
#include <gnuradio/buffer.h>
#include <gnuradio/spead2/api.h>

#include <spead2/send/heap.h>
#include <spead2/send/stream.h>

#include "common/counters.h"
#include "heap_share.h"

namespace gr::spead2 {

/// What a sink shares with its heaps in flight, from one start() to the next. Heaps complete in the
/// order in which they were queued, so a count of the complete ones says which those are.
class send_session {
public:
    explicit send_session(std::shared_ptr<counters> counts) : counts_(std::move(counts)) {}

    /// Whom to wake when heaps complete, and what to keep alive until then.
    void attach(block_detail_sptr detail, std::vector<buffer_sptr> buffers);
    void detach();

    [[nodiscard]] std::uint64_t completed() const noexcept {
        return completed_.load(std::memory_order_acquire);
    }
    [[nodiscard]] std::uint64_t events() const noexcept {
        return events_.load(std::memory_order_acquire);
    }
    /// Whether a heap could not be sent, and why the first of them.
    [[nodiscard]] bool failed() const noexcept { return failed_.load(); }
    [[nodiscard]] std::string failure() const;
    /// Wait until events() is not \a seen any more, at most until \a limit.
    void wait(std::uint64_t seen, std::chrono::steady_clock::time_point limit);

    // For the heaps.
    void heap_done(const std::error_code& error, std::uint64_t bytes, bool counted) noexcept;
    void room() noexcept;
    std::atomic<std::uint64_t> bytes_in_flight{0};

private:
    void notify() noexcept;

    const std::shared_ptr<counters> counts_;
    std::atomic<std::uint64_t> completed_{0};
    std::atomic<std::uint64_t> events_{0};
    std::atomic<bool> failed_{false};
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::string failure_;
    block_detail_sptr detail_;
    std::thread::id block_thread_;
    std::vector<buffer_sptr> buffers_;
};

/// One heap on its way, and the memory that belongs to it alone.
class sink_heap final : public engine::send::heap_group {
public:
    explicit sink_heap(std::shared_ptr<send_session> session, bool counted = true)
        : session_(std::move(session)), counted_(counted) {}

    /// Room for encoded values; stays where it is.
    std::vector<std::uint8_t> scratch;
    std::vector<std::string> texts;
    /// Keeps the payload alive, unless that is GNU Radio's buffer.
    std::shared_ptr<const void> payload;
    std::uint64_t payload_bytes = 0;
    /// Set where the stream refused the heap, which this group then only stands for.
    std::error_code refused;

private:
    void complete() noexcept override;

    std::shared_ptr<send_session> session_;
    bool counted_;
};

class heap_sender {
public:
    /// \param share  how far the heaps are this flowgraph's own
    heap_sender(std::shared_ptr<engine::send::stream> stream, const engine::flavour& flavour,
                std::shared_ptr<counters> counts, const heap_share& share);

    [[nodiscard]] const std::shared_ptr<engine::send::stream>& stream() const noexcept {
        return stream_;
    }
    [[nodiscard]] std::size_t num_substreams() const noexcept { return num_substreams_; }
    [[nodiscard]] const std::shared_ptr<send_session>& session() const noexcept { return session_; }

    /// The flowgraph starts.
    void begin(bool send_start, const block_detail_sptr& detail, std::vector<buffer_sptr> buffers);

    [[nodiscard]] std::unique_ptr<sink_heap> make() const {
        return std::make_unique<sink_heap>(session_);
    }
    /// Heaps queued and not yet complete.
    [[nodiscard]] std::uint64_t in_flight() const noexcept {
        return queued_ - session_->completed();
    }
    /// Heaps queued since begin(); a heap is complete when session()->completed() has reached what
    /// this was after it was queued.
    [[nodiscard]] std::uint64_t queued() const noexcept { return queued_; }

    /// Queue a heap, to be sent after kick(). One of those that several flowgraphs send goes with
    /// this flowgraph's share of the stream's rate.
    /// \param cnt  -1: the stream's next
    /// \return false if the stream's queue is full: the heap is kept, and no other may be queued
    ///         until retry() was successful
    [[nodiscard]] bool queue(std::unique_ptr<sink_heap> group, const engine::send::heap& heap,
                             std::size_t substream, std::int64_t cnt = -1);
    /// The cnt of a heap that several flowgraphs send, those of the start heaps coming first.
    [[nodiscard]] std::int64_t cnt_of(std::uint64_t heap) const noexcept;
    /// Queue what queue() kept. \return whether nothing is kept any more
    [[nodiscard]] bool retry();
    /// Give up what queue() kept.
    void discard_kept();
    /// See that what was queued is sent; the calling thread does what it can.
    void kick();
    /// Wait for a heap to complete or for room in the queue, at most \a limit.
    void wait(std::chrono::milliseconds limit);
    /// Wait for a heap to complete; for stop().
    /// \return false if nothing got on for so long that waiting more is no use
    [[nodiscard]] bool wait_long();

    /// The flowgraph stops: wait for the heaps in flight and send the end heap.
    void end(bool send_end);

private:
    [[nodiscard]] bool submit(std::unique_ptr<sink_heap>& group);
    void send_control(bool end);
    [[nodiscard]] double rate_of(const engine::send::heap& heap) noexcept;

    const std::shared_ptr<engine::send::stream> stream_;
    const engine::flavour flavour_;
    const std::shared_ptr<counters> counts_;
    const bool whole_;  ///< nobody else sends parts of the heaps
    const bool root_;
    double share_ = 1.0;  ///< of the last heap's bytes
    const std::size_t num_substreams_;
    const std::size_t max_packet_size_;
    const std::size_t max_heaps_;
    std::shared_ptr<send_session> session_;
    std::unique_ptr<sink_heap> kept_;
    std::uint64_t queued_ = 0;
    std::uint64_t seen_events_ = 0;
    bool unkicked_ = false;
    bool began_ = false;
};

}  // namespace gr::spead2
