// SPDX-License-Identifier: GPL-3.0-or-later
// From samples to heaps; what GNU Radio's scheduler wants of a block is in heap_sink_scheduling.cc.
#include "heap_sink_impl.h"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

namespace gr::spead2 {
namespace {

// Memory of heaps that were gathered, above which one is only made when the others have gone.
constexpr std::size_t gather_limit = std::size_t{64} << 20;

}  // namespace

heap_sink_impl::outcome heap_sink_impl::advance() {
    read_tags();
    std::uint64_t available = windows_[0].end;
    for (const port_window& w : windows_) available = std::min(available, w.end);
    for (;;) {
        if (!stopped_ && must_stop()) stop_now(sender_.session()->failure());
        if (stopped_) return outcome::finished;
        if (!sender_.retry()) return outcome::queue;
        if (!open_) {
            if (cursor_ == available) {
                want(available + 1);
                return outcome::input;
            }
            const found f = find_heap(available);
            if (f == found::no_memory) return outcome::queue;
            if (f == found::nothing) continue;
        }
        const std::uint64_t up_to = std::min(open_->end(), available);
        const auto restart = discontinuities_.within(open_->start(), up_to);
        if (const auto tag = boundaries_.before(restart.value_or(up_to))) {
            bad_tag("the packet of " + std::to_string(open_->length()) + " samples from sample " +
                        std::to_string(open_->start()) + " on is not over, but there is a tag '" +
                        options_.length_tag + "' " + at_sample(tag->port, tag->position),
                    tag->position);
            continue;
        }
        if (restart) {
            if (!restart_at(*restart)) return outcome::queue;
            continue;
        }
        if (!open_->in_place() && up_to > cursor_) {
            open_->gather(assembler_.formats(), assembler_.variable_length(), windows_, read_,
                          cursor_, up_to);
            cursor_ = up_to;
            releases_.push_back({up_to, 0});
        }
        // Values within the heap that no heap will have.
        assembler_.settle(open_->start(), cursor_);
        if (available < open_->end()) {
            want(open_->in_place() ? open_->end() : available + 1);
            return outcome::input;
        }
        send_open();
    }
}

void heap_sink_impl::read_tags() {
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        port_state& port = ports_[p];
        if (!port.wants_tags || port.tags_read >= windows_[p].end) continue;
        get_tags_in_range(tag_scratch_, static_cast<unsigned>(p), port.tags_read - port.shift,
                          windows_[p].end - port.shift);
        port.tags_read = windows_[p].end;
        for (const tag_t& t : tag_scratch_) {
            const std::uint64_t position = t.offset + port.shift;
            if (boundaries_.key() && pmt::eq(t.key, boundaries_.key()))
                boundaries_.add(p, position, t.value);
            if (discontinuities_.wants_tags()) {
                const std::string told = discontinuities_.add(p, position, t.key, t.value);
                if (!told.empty()) counts_->restart(told);
            }
            add_value(p, t.key, position, t.value, [&] {
                return "tag '" + pmt::symbol_to_string(t.key) + "' " + at_sample(p, position);
            });
        }
    }
}

/// The heap that starts at the cursor, where there is input on all ports.
heap_sink_impl::found heap_sink_impl::find_heap(std::uint64_t available) {
    if (const std::uint64_t skip = samples_before_heap()) {
        const std::uint64_t end = cursor_ + std::min(skip, available - cursor_);
        drop_to(discontinuities_.within(cursor_, end).value_or(end));
        return found::nothing;
    }
    if (rest_end_ > cursor_ && !boundaries_.has(cursor_)) return open_rest(available);
    const boundaries::found f =
        boundaries_.at(cursor_, available, assembler_.length(), assembler_.max_samples(), lost_);
    if (f.length != 0) return open(f.length, f.next);
    if (f.problem.empty())
        drop_to(f.next);
    else
        bad_tag(f.problem, f.next);
    return found::nothing;
}

/// Heaps that several flowgraphs send begin at multiples of their length, in time, whatever is
/// missing here; and none is sent twice where times go back.
std::uint64_t heap_sink_impl::samples_before_heap() {
    if (assembler_.share().is_whole()) return 0;
    const std::uint64_t time = cursor_ + discontinuities_.missing(cursor_);
    const auto ahead = static_cast<std::int64_t>(next_ - time);
    if (ahead > 0) return static_cast<std::uint64_t>(ahead);
    const std::uint64_t over = time % options_.samples_per_heap;
    return over == 0 ? 0 : options_.samples_per_heap - over;
}

heap_sink_impl::found heap_sink_impl::open(std::uint64_t length, std::uint64_t next) {
    const std::vector<sample_format>& formats = assembler_.formats();
    bool in_place = true;
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        if (length > ports_[p].in_place_limit) in_place = false;
        if (assembler_.variable_length() && formats[p].swap_bytes() > 1) in_place = false;
    }
    std::shared_ptr<gather_buffer> memory;
    if (!in_place) {
        try {
            if (!(memory = take_memory(length))) return found::no_memory;
        } catch (const std::bad_alloc&) {
            const std::string message = "there is no memory for a heap of " +
                                        std::to_string(length) + " samples " +
                                        at_sample(0, cursor_);
            if (options_.samples_per_heap != 0)
                stop_now(message);
            else
                bad_tag(message, next);
            return found::nothing;
        }
    }
    lost_ = false;
    if (!assembler_.variable_length() && assembler_.length() == 0) assembler_.set_length(length);
    boundaries_.opened(cursor_);
    open_.emplace(cursor_, length, std::move(memory));
    return found::heap;
}

std::shared_ptr<gather_buffer> heap_sink_impl::take_memory(std::uint64_t length) {
    const std::size_t bytes = open_heap::gathered_bytes(assembler_.formats(), length);
    const std::size_t used = pool_.in_use();
    if (used != 0 && used + bytes > gather_limit) return nullptr;
    return pool_.take(bytes);
}

bool heap_sink_impl::restart_at(std::uint64_t position) {
    if (options_.samples_per_heap == 0) {
        rest_end_ = open_->end();
        rest_length_ = open_->length();
    }
    switch (options_.on_restart) {
        case restart_action::drop:
            drop_to(position);
            break;
        case restart_action::cut:
            open_->end_at(position);
            break;
        case restart_action::pad:
            if (open_->in_place()) {
                std::shared_ptr<gather_buffer> memory = take_memory(open_->length());
                if (!memory) return false;
                open_->use(std::move(memory));
            }
            open_->pad_from(position);
            break;
    }
    return true;
}

/// What comes after the place where the input was new has no length tag of its own.
heap_sink_impl::found heap_sink_impl::open_rest(std::uint64_t available) {
    std::uint64_t end = std::min(rest_end_, available);
    if (const auto tag = boundaries_.before(rest_end_)) end = rest_end_ = tag->position;
    if (options_.on_restart == restart_action::drop) {
        drop_to(std::min(end, available));
        return found::nothing;
    }
    if (options_.on_restart == restart_action::cut) return open(rest_end_ - cursor_, rest_end_);
    std::shared_ptr<gather_buffer> memory = take_memory(rest_length_);
    if (!memory) return found::no_memory;
    open_.emplace(cursor_, rest_length_, std::move(memory));
    open_->pad_from(rest_end_);
    return found::heap;
}

void heap_sink_impl::send_open() {
    if (open_->padding() != 0) {
        open_->write_padding(assembler_.formats());
        counts_->samples_padded.fetch_add(open_->padding());
    }
    const open_heap h = std::move(*open_);
    open_.reset();
    cursor_ = h.end();
    follow_destinations();
    const heap_assembler::samples samples{h.start(), h.length(),
                                          discontinuities_.missing(h.start())};
    const std::optional<std::size_t> substream = assembler_.substream(samples);
    if (!substream) {
        const std::string message =
            "tag '" + options_.substream.key() + "' names no substream for the packet " +
            at_sample(0, h.start()) + "; there are " + std::to_string(sender_.num_substreams());
        counts_->samples_dropped.fetch_add(h.length());
        assembler_.settle(cursor_, cursor_);
        releases_.push_back({cursor_, 0});
        if (options_.on_bad_tag == bad_tag_action::error)
            stop_now(message);
        else
            counts_->bad_tag(message);
        return;
    }
    h.locate(assembler_.formats(), windows_, read_, payload_);
    std::unique_ptr<sink_heap> group = sender_.make();
    const engine::send::heap heap = assembler_.assemble(*group, *substream, samples, payload_);
    group->payload = h.memory();
    std::int64_t cnt = -1;
    if (!assembler_.share().is_whole()) {
        cnt = sender_.cnt_of(assembler_.number(samples));
        next_ = samples.start + samples.missing + samples.length;
    }
    // The sender keeps the heap if the stream's queue is full; advance() sees to that.
    static_cast<void>(sender_.queue(std::move(group), heap, *substream, cnt));
    if (h.in_place()) releases_.push_back({cursor_, sender_.queued()});
}

void heap_sink_impl::bad_tag(const std::string& message, std::uint64_t next) {
    if (options_.on_bad_tag == bad_tag_action::error) {
        counts_->bad_tags.fetch_add(1);
        stop_now(message);
        return;
    }
    counts_->bad_tag(message + "; going on at the next good tag");
    lost_ = true;
    drop_to(next);
}

void heap_sink_impl::drop_to(std::uint64_t position) {
    counts_->samples_dropped.fetch_add(position - (open_ ? open_->start() : cursor_));
    open_.reset();
    assembler_.settle(position, position);
    static_cast<void>(discontinuities_.within(position, position));
    static_cast<void>(discontinuities_.missing(position));
    if (position == cursor_) return;
    cursor_ = position;
    releases_.push_back({position, 0});
}

void heap_sink_impl::stop_now(const std::string& message) {
    stopped_ = true;
    stop_with(message);
}

}  // namespace gr::spead2
