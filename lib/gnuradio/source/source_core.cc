// SPDX-License-Identifier: GPL-3.0-or-later
#include "source_core.h"

#include <gnuradio/block_detail.h>

#include <spead2/base/errors.h>
#include <spead2/recv/stats.h>
#include <spead2/wire/number.h>

#include <span>
#include <stdexcept>
#include <utility>

namespace gr::spead2 {
namespace {

/// A jump of cnts, in heaps, that is no loss but another sender.
constexpr std::int64_t longest_jump = std::int64_t{1} << 20;

receiver check(receiver stream) {
    if (!stream) throw std::invalid_argument("stream is None, but a source needs one");
    return stream;
}

}  // namespace

source_core::source_core(gr::block& block, const gr::logger_ptr& logger, receiver stream,
                         const std::vector<item>& items, const source_options& options)
    : counts_(logger),
      reader_(items, options),
      block_(block),
      logger_(logger),
      stream_(check(std::move(stream))),
      stop_at_bad_heaps_(options.on_bad_heap == bad_heap_action::error),
      window_(options.window),
      cnt_step_(options.cnt_step),
      order_(options.window, reader_.counter() != nullptr
                                 ? reader_.counter()->step
                                 : static_cast<std::int64_t>(options.cnt_step)) {
    block_.message_port_register_out(pmt::mp("stats"));
}

std::uint64_t source_core::pauses() const {
    return stream_->stats()[engine::recv::stat_index::worker_blocked];
}

/// A flowgraph that starts has details of its own for all blocks; one that was locked keeps those of
/// the blocks that were in it.
bool source_core::resumes() {
    const block_detail_sptr now = block_.detail();
    const bool same = now != nullptr && before_.lock() == now;
    before_ = now;
    return same;
}

void source_core::begin(bool resumes) {
    if (!resumes) {
        order_.reset();
        values_only_.clear();
        followed_ = any_ = flush_ = false;
        ended_ = false;
    }
    stream_->start();
    counts_.start_rate();
    ticker_.start([this] { tick(); });
}

void source_core::end() {
    ticker_.stop();
    tick();
    counts_.flush_logs();
}

void source_core::tick() {
    pmt::pmt_t d = counts_.dictionary();
    const engine::recv::stream_stats stats = stream_->stats();
    const auto add = [&](const char* name, std::uint64_t n) {
        d = pmt::dict_add(d, pmt::mp(name), pmt::from_uint64(n));
    };
    add("queue_length", stream_->ring_size());
    add("pauses", stats[engine::recv::stat_index::worker_blocked]);
    add("packets", stats[engine::recv::stat_index::packets]);
    add("incomplete_heaps", stats[engine::recv::stat_index::incomplete_heaps_evicted] +
                                stats[engine::recv::stat_index::incomplete_heaps_flushed]);
    block_.message_port_pub(pmt::mp("stats"), d);
    counts_.flush_logs();
}

source_core::turn source_core::next(ordered_heap& out, bool wait) {
    for (;;) {
        if (!counts_.error().empty()) return turn::ended;
        if (!values_only_.empty()) {
            out = {std::move(values_only_.front()), 0, false};
            values_only_.pop_front();
            return turn::heap;
        }
        if (std::optional<ordered_heap> h = order_.pop(flush_)) {
            out = *std::move(h);
            account(out);
            return turn::heap;
        }
        if (ended_) return turn::ended;
        if (!take(wait)) return turn::nothing;
    }
}

/// \return false: there is nothing now
bool source_core::take(bool wait) {
    if (batch_begin_ == batch_end_) {
        batch_begin_ = batch_end_ = 0;
        try {
            batch_end_ = stream_->try_pop_many(batch_);
            if (batch_end_ == 0) {
                if (!wait) return false;
                engine::recv::heap_ptr heap = stream_->pop([] { return true; });
                if (!heap) {
                    // Nothing comes, so nothing is waited for.
                    flush_ = true;
                    return order_.size() != 0;
                }
                batch_[0] = std::move(heap);
                batch_end_ = 1;
            }
        } catch (const engine::stopped_error&) {
            ended();
            return true;
        }
    }
    flush_ = false;
    handle(std::move(batch_[batch_begin_++]));
    return true;
}

void source_core::ended() {
    ended_ = flush_ = true;
    const std::string reason = stream_->stop_reason();
    if (!reason.empty()) counts_.lost("the stream ended: " + reason);
}

void source_core::handle(engine::recv::heap_ptr heap) {
    if (heap->is_start_of_stream()) {
        order_.sender_starts();
        followed_ = false;
    }
    follow_cnt(*heap);
    heap_reader::result r = reader_.read(std::move(heap));
    switch (r.what) {
        case heap_reader::verdict::undescribed:
            counts_.undescribed(r.problem + "; its samples are dropped");
            return;
        case heap_reader::verdict::bad:
            counts_.bad_heap(r.problem);
            if (stop_at_bad_heaps_) stop_with(r.problem);
            return;
        case heap_reader::verdict::good:
            break;
    }
    const std::string cnt = std::to_string(r.heap.heap->cnt());
    bool in_order = true;
    if (reader_.counter() == nullptr) {
        r.heap.place = r.heap.heap->cnt();
        r.heap.place_bits = static_cast<unsigned>(r.heap.heap->get_flavour().heap_address_bits());
        in_order = order_.push(std::move(r.heap), 1);
    } else if (r.heap.length != 0) {
        const std::uint64_t units = r.heap.length;
        in_order = order_.push(std::move(r.heap), units);
    } else if (!r.heap.values.empty()) {
        values_only_.push_back(std::move(r.heap));
    }
    if (in_order) return;
    counts_.heaps_late.fetch_add(1);
    counts_.lost("heap " + cnt + " came too late, or twice; window is " + std::to_string(window_));
}

/// Count heaps that did not come; one that comes late after all is not lost.
void source_core::follow_cnt(const engine::recv::heap& heap) {
    if (cnt_step_ == 0) return;
    const auto bits = static_cast<unsigned>(heap.get_flavour().heap_address_bits());
    const std::int64_t difference =
        engine::sign_extended((heap.cnt() - last_cnt_) & engine::low_bits_mask(bits), bits);
    const std::int64_t steps = difference / static_cast<std::int64_t>(cnt_step_);
    if (!followed_ || steps > longest_jump || steps < -static_cast<std::int64_t>(window_ + 1024)) {
        followed_ = true;
        last_cnt_ = heap.cnt();
    } else if (steps > 0) {
        counts_.heaps_lost.fetch_add(static_cast<std::uint64_t>(steps - 1));
        last_cnt_ = heap.cnt();
    } else if (steps < 0 && counts_.heaps_lost.load() != 0) {
        counts_.heaps_lost.fetch_sub(1);
    }
}

void source_core::account(ordered_heap& out) {
    if (reader_.counter() == nullptr) out.missing *= last_length_;
    const std::string where = " before heap " + std::to_string(out.heap.heap->cnt());
    if (out.missing != 0) {
        counts_.samples_lost.fetch_add(out.missing);
        counts_.lost(std::to_string(out.missing) + " samples are missing" + where);
    }
    if (out.anew && any_) {
        counts_.restarts.fetch_add(1);
        counts_.lost("the sender began anew" + where);
    }
    out.anew = out.anew && any_;
    if (out.heap.length == 0) return;
    any_ = true;
    last_length_ = out.heap.length;
    std::uint64_t bytes = 0;
    for (const sample_format& f : reader_.formats()) bytes += f.item_bytes();
    counts_.heaps_received.fetch_add(1);
    counts_.bytes_received.fetch_add(bytes * out.heap.length);
}

void source_core::stop_with(const std::string& message) {
    counts_.set_error(message);
    GR_LOG_ERROR(logger_, message + "; stopping");
}

}  // namespace gr::spead2
