// SPDX-License-Identifier: GPL-3.0-or-later
#include "heap_sender.h"

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <spead2/wire/protocol.h>

namespace gr::spead2 {
namespace {

using clock = std::chrono::steady_clock;

// How much longer than their rate explains heaps in flight may take when the flowgraph stops.
constexpr double patience_seconds = 5.0;

/// Running sinks on each stream: the first starts it and the last ends it.
class running_sinks {
public:
    /// \return whether it is the first
    bool enter(const engine::send::stream* stream) {
        const std::lock_guard lock(mutex_);
        return sinks_[stream].running++ == 0;
    }
    struct left {
        bool last;     ///< no other one runs
        bool end_due;  ///< one that left asked the last one for the end heap
    };
    left leave(const engine::send::stream* stream, bool ask_for_end) {
        const std::lock_guard lock(mutex_);
        const auto it = sinks_.find(stream);
        if (it == sinks_.end()) return {false, false};
        entry& e = it->second;
        e.end_due = e.end_due || ask_for_end;
        if (--e.running != 0) return {false, false};
        const left result{true, e.end_due};
        sinks_.erase(it);
        return result;
    }

private:
    struct entry {
        unsigned running = 0;
        bool end_due = false;
    };
    std::mutex mutex_;
    std::map<const engine::send::stream*, entry> sinks_;
};

running_sinks& sinks() {
    static running_sinks instance;
    return instance;
}

/// Stands in the stream's queue to tell when everything before it has gone.
class room_watch final : public engine::send::heap_group {
public:
    explicit room_watch(std::shared_ptr<send_session> session) : session_(std::move(session)) {}

private:
    void complete() noexcept override {
        const std::unique_ptr<room_watch> self(this);
        session_->room();
    }
    std::shared_ptr<send_session> session_;
};

}  // namespace

// ---- Session

void send_session::attach(block_detail_sptr detail, std::vector<buffer_sptr> buffers) {
    const std::lock_guard lock(mutex_);
    detail_ = std::move(detail);
    buffers_ = std::move(buffers);
    block_thread_ = std::this_thread::get_id();
}

void send_session::detach() {
    const std::lock_guard lock(mutex_);
    detail_.reset();
}

void send_session::wait(std::uint64_t seen, clock::time_point limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, limit, [&] { return events() != seen; });
}

void send_session::notify() noexcept {
    const std::lock_guard lock(mutex_);
    events_.fetch_add(1, std::memory_order_release);
    if (std::this_thread::get_id() == block_thread_) return;  // it will look by itself
    changed_.notify_all();
    if (detail_) detail_->d_tpb.notify_msg();
}

std::string send_session::failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

void send_session::room() noexcept { notify(); }

void send_session::heap_done(const std::error_code& error, std::uint64_t bytes,
                             bool counted) noexcept {
    counts_->bytes_sent.fetch_add(bytes, std::memory_order_relaxed);
    if (error) {
        if (counted) counts_->heaps_failed.fetch_add(1, std::memory_order_relaxed);
        try {
            const std::string message = "a heap could not be sent: " + error.message();
            counts_->send_error(message);
            const std::lock_guard lock(mutex_);
            if (failure_.empty()) failure_ = message;
        } catch (const std::exception&) {
            // Out of memory: counting must do.
        }
        if (counted) failed_.store(true);
    } else if (counted) {
        counts_->heaps_sent.fetch_add(1, std::memory_order_relaxed);
    }
    counts_->in_queue.fetch_sub(1, std::memory_order_relaxed);
    completed_.fetch_add(1, std::memory_order_release);
    notify();
}

void sink_heap::complete() noexcept {
    const std::unique_ptr<sink_heap> self(this);
    session_->bytes_in_flight.fetch_sub(payload_bytes);
    // The payload must be out of use before the block hears of it.
    payload.reset();
    session_->heap_done(refused ? refused : error(), bytes_sent(), counted_);
}

// ---- Sender

heap_sender::heap_sender(std::shared_ptr<engine::send::stream> stream,
                         const engine::flavour& flavour, std::shared_ptr<counters> counts,
                         const heap_share& share)
    : stream_(stream ? std::move(stream) : throw std::invalid_argument("stream is None")),
      flavour_(flavour),
      counts_(std::move(counts)),
      whole_(share.is_whole()),
      root_(share.is_root()),
      num_substreams_(stream_->num_substreams()),
      max_packet_size_(stream_->config().max_packet_size()),
      max_heaps_(stream_->config().max_heaps()) {
    if (max_packet_size_ < engine::min_packet_size)
        throw std::invalid_argument("max_packet_size is " + std::to_string(max_packet_size_) +
                                    ", but must be at least " +
                                    std::to_string(engine::min_packet_size));
}

void heap_sender::begin(bool send_start, const block_detail_sptr& detail,
                        std::vector<buffer_sptr> buffers) {
    session_ = std::make_shared<send_session>(counts_);
    session_->attach(detail, std::move(buffers));
    kept_.reset();
    queued_ = 0;
    seen_events_ = 0;
    unkicked_ = false;
    began_ = true;
    const bool first = sinks().enter(stream_.get());
    if (send_start && (whole_ ? first : root_)) send_control(false);
}

bool heap_sender::queue(std::unique_ptr<sink_heap> group, const engine::send::heap& heap,
                        std::size_t substream, std::int64_t cnt) {
    try {
        group->add({heap.contents(), cnt, substream, rate_of(heap)}, max_packet_size_);
    } catch (const std::invalid_argument&) {
        group = make();  // an empty one
        group->refused = std::make_error_code(std::errc::invalid_argument);
    }
    session_->bytes_in_flight.fetch_add(group->payload_bytes);
    ++queued_;
    counts_->in_queue.fetch_add(1);
    kept_ = std::move(group);
    return retry();
}

/// The rate of the stream is that of all who send parts of the heap.
double heap_sender::rate_of(const engine::send::heap& heap) noexcept {
    if (!heap.is_part()) return -1.0;
    share_ = static_cast<double>(heap.held_size()) /
             static_cast<double>(std::max<std::uint64_t>(heap.view().payload_size(), 1));
    const double rate = stream_->config().rate();
    return rate > 0 ? rate * share_ : -1.0;
}

std::int64_t heap_sender::cnt_of(std::uint64_t heap) const noexcept {
    // One that is out of range is refused when it is queued.
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    const std::uint64_t first = num_substreams_ + 1;
    return static_cast<std::int64_t>(std::min(heap, most - first) + first);
}

bool heap_sender::retry() {
    if (!kept_) return true;
    // This heap is among in_flight().
    if (in_flight() > max_heaps_) return false;
    return submit(kept_);
}

void heap_sender::discard_kept() {
    if (!kept_) return;
    counts_->heaps_failed.fetch_add(1);
    session_->bytes_in_flight.fetch_sub(kept_->payload_bytes);
    --queued_;
    counts_->in_queue.fetch_sub(1);
    kept_.reset();
}

bool heap_sender::submit(std::unique_ptr<sink_heap>& group) {
    std::unique_ptr<engine::send::heap_group> g = std::move(group);
    try {
        stream_->submit(g, engine::send::drive::deferred);
    } catch (const std::system_error& e) {
        if (e.code() == std::errc::resource_unavailable_try_again) {
            group.reset(static_cast<sink_heap*>(g.release()));
            // Others have filled the queue. If none of our heaps is in it to tell when there is
            // room again, something else must.
            if (in_flight() <= 1) {
                std::unique_ptr<engine::send::heap_group> watch =
                    std::make_unique<room_watch>(session_);
                stream_->submit(watch, engine::send::drive::worker);
            }
            return false;
        }
        // Completes in its turn, as what it is: not sent.
        auto stand_in = make();
        stand_in->refused = e.code();
        stand_in->payload_bytes = static_cast<sink_heap*>(g.get())->payload_bytes;
        g = std::move(stand_in);
        stream_->submit(g, engine::send::drive::deferred);
    }
    unkicked_ = true;
    return true;
}

void heap_sender::kick() {
    if (!unkicked_) return;
    unkicked_ = false;
    stream_->kick(engine::send::drive::caller);
}

void heap_sender::wait(std::chrono::milliseconds limit) {
    kick();
    const clock::time_point start = clock::now();
    session_->wait(seen_events_, start + limit);
    counts_->held_back_ns.fetch_add(
        static_cast<std::uint64_t>(std::chrono::nanoseconds(clock::now() - start).count()));
    seen_events_ = session_->events();
}

bool heap_sender::wait_long() {
    const std::uint64_t completed = session_->completed();
    kick();
    const double rate = stream_->config().rate() * share_;
    double seconds = patience_seconds;
    if (rate > 0) seconds += static_cast<double>(session_->bytes_in_flight.load()) / rate;
    const auto limit = clock::now() + std::chrono::duration_cast<clock::duration>(
                                          std::chrono::duration<double>(std::min(seconds, 1e6)));
    for (;;) {
        const std::uint64_t seen = session_->events();
        if (in_flight() == 0 || session_->completed() != completed) return true;
        if (kept_ && retry()) {
            kick();
            return true;
        }
        if (clock::now() >= limit) return false;
        session_->wait(seen, limit);
    }
}

void heap_sender::end(bool send_end) {
    if (!began_) return;
    began_ = false;
    bool moving = true;
    const auto drain = [&] {
        while (moving && in_flight() != 0) moving = wait_long();
    };
    drain();
    const bool mine = send_end && (whole_ || root_);
    const running_sinks::left left = sinks().leave(stream_.get(), mine && !whole_);
    if (left.last && (mine || left.end_due)) send_control(true);
    drain();
    kick();
    if (in_flight() != 0)
        counts_->send_error(
            std::to_string(in_flight()) +
            " heaps did not get on and were left in the stream's queue when the flowgraph stopped");
    discard_kept();
    session_->detach();
}

void heap_sender::send_control(bool end) {
    for (std::size_t i = 0; i < num_substreams_; ++i) {
        // No heap that several flowgraphs send has these.
        std::int64_t cnt = -1;
        if (!whole_) cnt = static_cast<std::int64_t>(end ? flavour_.max_address() - i : i + 1);
        engine::send::heap h(flavour_);
        if (end)
            h.add_end();
        else
            h.add_start();
        if (!retry() && !wait_long()) return;
        if (kept_) return;
        if (!queue(std::make_unique<sink_heap>(session_, false), h, i, cnt) &&
            (!wait_long() || !retry()))
            return;
    }
    kick();
}

}  // namespace gr::spead2
