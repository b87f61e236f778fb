// SPDX-License-Identifier: GPL-3.0-or-later
#include "heap_sink_impl.h"

#include <gnuradio/block_detail.h>
#include <gnuradio/buffer.h>
#include <gnuradio/buffer_reader.h>
#include <gnuradio/io_signature.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

namespace gr::spead2 {
namespace {

// Heaps of samples_per_heap up to this size are sent from GNU Radio's buffers, which are made large
// enough for it.
constexpr std::uint64_t largest_in_place_heap = std::uint64_t{8} << 20;
// What GNU Radio makes of its own accord.
constexpr std::uint64_t default_buffer = std::uint64_t{64} << 10;
// Memory of heaps that were gathered, above which one is only made when the others have gone.
constexpr std::size_t gather_limit = std::size_t{64} << 20;
// How long general_work() waits at most, since the scheduler cannot interrupt it.
constexpr std::chrono::milliseconds work_wait{50};

gr::io_signature::sptr make_signature(const std::vector<item>& items) {
    std::vector<int> sizes;
    for (const item& i : items) sizes.push_back(static_cast<int>(item_size(i)));
    if (sizes.empty()) throw std::invalid_argument("items is empty, but a sink needs at least one");
    const int n = static_cast<int>(sizes.size());
    return gr::io_signature::makev(n, n, sizes);
}

/// A positive whole number.
std::optional<std::uint64_t> to_length(const pmt::pmt_t& value) {
    if (pmt::is_uint64(value)) {
        const std::uint64_t n = pmt::to_uint64(value);
        return n != 0 ? std::optional(n) : std::nullopt;
    }
    if (pmt::is_integer(value)) {
        const long n = pmt::to_long(value);
        return n > 0 ? std::optional(static_cast<std::uint64_t>(n)) : std::nullopt;
    }
    if (pmt::is_real(value)) {
        const double n = pmt::to_double(value);
        if (n >= 1 && n < 0x1p63 && n == std::floor(n)) return static_cast<std::uint64_t>(n);
    }
    return std::nullopt;
}

std::string place(std::size_t port, std::uint64_t sample) {
    return "on port " + std::to_string(port) + " at sample " + std::to_string(sample);
}

std::size_t align64(std::size_t n) { return (n + 63) / 64 * 64; }

}  // namespace

heap_sink::sptr heap_sink::make(std::shared_ptr<::spead2::send::stream> stream,
                                const std::vector<item>& items, const heap_sink_options& options) {
    return gnuradio::make_block_sptr<heap_sink_impl>("heap_sink", std::move(stream), items,
                                                     options);
}

heap_sink_impl::heap_sink_impl(const std::string& name,
                               std::shared_ptr<::spead2::send::stream> stream,
                               const std::vector<item>& items, const heap_sink_options& options)
    : gr::block(name, make_signature(items), gr::io_signature::make(0, 0, 0)),
      options_(options),
      items_(items),
      length_key_(pmt::string_to_symbol(options.length_tag)),
      counts_(std::make_shared<counters>(d_logger)),
      assembler_(items, options.scalars, options.flavour, options.variable_length,
                 options.descriptor_interval, options.substream,
                 stream ? stream->num_substreams()
                        : throw std::invalid_argument("stream is None, but a sink needs one")),
      sender_(std::move(stream), options.flavour, counts_),
      ports_(items.size()),
      windows_(items.size()),
      payload_(items.size()) {
    if (options.samples_per_heap == 0 && options.length_tag.empty())
        throw std::invalid_argument(
            "length_tag is empty and samples_per_heap is 0; heaps need one");
    if (options.samples_per_heap > assembler_.max_samples())
        throw std::invalid_argument("samples_per_heap " + std::to_string(options.samples_per_heap) +
                                    " is above " + std::to_string(assembler_.max_samples()) +
                                    ", the most that " + options.flavour.to_string() +
                                    " can hold of these items");
    std::size_t largest = 0;
    for (std::size_t p = 0; p < items.size(); ++p) {
        ports_[p].item_bytes = assembler_.formats()[p].item_bytes();
        ports_[p].wants_tags = options.samples_per_heap == 0;
        largest = std::max(largest, ports_[p].item_bytes);
    }
    for (const scalar_track& s : assembler_.scalars())
        if (s.from_tag()) ports_[static_cast<std::size_t>(s.what().port)].wants_tags = true;
    if (assembler_.substream_tag()) ports_[0].wants_tags = true;

    const std::uint64_t heap_bytes = options.samples_per_heap * largest;
    if (heap_bytes <= largest_in_place_heap && 4 * heap_bytes > default_buffer)
        buffer_samples_ = 4 * options.samples_per_heap;
    ask_for_buffers(true);
    message_port_register_out(pmt::mp("stats"));
}

heap_sink_impl::~heap_sink_impl() = default;

void heap_sink_impl::set_rate(double bytes_per_second) { stream()->set_rate(bytes_per_second); }

void heap_sink_impl::set_descriptor_interval(std::uint64_t heaps) {
    assembler_.set_descriptor_interval(heaps);
}

/// GNU Radio makes the buffer before a decimator large enough for two of its steps. So the block
/// says it is one, but only while buffers are made: the scheduler would hold the end of the input
/// back otherwise.
void heap_sink_impl::ask_for_buffers(bool ask) {
    set_relative_rate(1, ask && buffer_samples_ != 0 ? buffer_samples_ / 2 : 1);
}

bool heap_sink_impl::start() {
    ask_for_buffers(false);
    const block_detail_sptr d = detail();
    std::vector<buffer_sptr> buffers;
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        const buffer_reader_sptr reader = d->input(static_cast<unsigned>(p));
        port_state& port = ports_[p];
        port.capacity = reader->max_possible_items_available();
        // Half a buffer is what blocks before may rely on for one call, so that much comes even if
        // the other half is never filled.
        port.in_place_limit = reader->buffer()->bufsize() / 2;
        port.tags.clear();
        port.tags_read = nitems_read(static_cast<unsigned>(p));
        port.wanted = 0;
        buffers.push_back(reader->buffer());
    }
    assembler_.reset();
    if (options_.samples_per_heap != 0 && !assembler_.variable_length())
        assembler_.set_length(options_.samples_per_heap);
    read_ = cursor_ = nitems_read(0);
    open_.reset();
    releases_.clear();
    last_ = outcome::input;
    lost_ = stopped_ = false;
    running_ = true;
    sender_.begin(options_.send_start, d, std::move(buffers));
    counts_->start_rate();
    ticker_.start([this] { tick(); });
    return true;
}

bool heap_sink_impl::stop() {
    if (!running_) return true;
    running_ = false;
    finish_input();
    sender_.end(options_.send_end);
    ticker_.stop();
    tick();
    counts_->flush_logs();
    open_.reset();
    releases_.clear();
    pool_.clear();
    ask_for_buffers(true);
    return true;
}

/// Send the whole heaps that are in the buffers, and count what is left.
void heap_sink_impl::finish_input() {
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        const buffer_reader_sptr reader = detail()->input(static_cast<unsigned>(p));
        if (!reader) return;  // disconnected
        const gr::thread::scoped_lock lock(*reader->mutex());
        windows_[p] = {
            static_cast<const std::uint8_t*>(reader->read_pointer()),
            reader->nitems_read() + static_cast<std::uint64_t>(reader->items_available())};
    }
    while (advance(windows_) == outcome::queue && sender_.wait_long()) {
    }
    std::uint64_t end = 0;
    for (const port_window& w : windows_) end = std::max(end, w.end);
    const std::uint64_t from = open_ ? open_->start : cursor_;
    if (end > from) {
        counts_->samples_dropped.fetch_add(end - from);
        GR_LOG_INFO(d_logger,
                    std::to_string(end - from) + " samples from sample " + std::to_string(from) +
                        " on were in no heap when the flowgraph stopped, and are not sent");
    }
    open_.reset();
}

void heap_sink_impl::tick() {
    message_port_pub(pmt::mp("stats"), counts_->dictionary());
    counts_->flush_logs();
}

// ---- What the scheduler calls

void heap_sink_impl::forecast(int, gr_vector_int& required) {
    std::fill(required.begin(), required.end(), 0);
    if (last_ != outcome::input || can_release()) return;
    if (options_.on_send_error == send_error_action::error && sender_.session()->failed()) return;
    for (std::size_t p = 0; p < ports_.size(); ++p)
        if (ports_[p].wanted > read_)
            required[p] = static_cast<int>(std::min<std::uint64_t>(
                ports_[p].wanted - read_, static_cast<std::uint64_t>(ports_[p].capacity)));
}

int heap_sink_impl::general_work(int, gr_vector_int& available, gr_vector_const_void_star& input,
                                 gr_vector_void_star&) {
    bool full = false;
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        windows_[p] = {static_cast<const std::uint8_t*>(input[p]),
                       read_ + static_cast<std::uint64_t>(available[p])};
        full = full || available[p] >= ports_[p].capacity;
    }
    last_ = advance(windows_);
    sender_.kick();
    const bool moved = consume_released();
    if (last_ == outcome::finished) return WORK_DONE;
    // With nothing to do but wait for heaps to complete, wait here: the scheduler would call again
    // at once. In all other cases it waits for input, and is woken by completions as well.
    if (!moved && (last_ == outcome::queue || full)) {
        sender_.wait(work_wait);
        consume_released();
    }
    return 0;
}

bool heap_sink_impl::can_release() const {
    return !releases_.empty() && releases_.front().heap <= sender_.session()->completed();
}

bool heap_sink_impl::consume_released() {
    const std::uint64_t completed = sender_.session()->completed();
    std::uint64_t end = read_;
    while (!releases_.empty() && releases_.front().heap <= completed) {
        end = releases_.front().end;
        releases_.pop_front();
    }
    if (end == read_) return false;
    consume_each(static_cast<int>(end - read_));
    read_ = end;
    return true;
}

// ---- Heaps

heap_sink_impl::outcome heap_sink_impl::advance(const std::vector<port_window>& windows) {
    read_tags(windows);
    std::uint64_t available = windows[0].end;
    for (const port_window& w : windows) available = std::min(available, w.end);
    for (;;) {
        if (options_.on_send_error == send_error_action::error && !stopped_ &&
            sender_.session()->failed())
            stop_with(sender_.session()->failure());
        if (stopped_) return outcome::finished;
        if (!sender_.retry()) return outcome::queue;
        if (!open_) {
            if (cursor_ == available) {
                want(windows, available + 1);
                return outcome::input;
            }
            const found f = find_heap(available);
            if (f == found::no_memory) return outcome::queue;
            if (f == found::nothing) continue;
        }
        const std::uint64_t end = open_->end();
        if (const std::optional<std::uint64_t> next = overlap(std::min(end, available))) {
            bad_tag("the packet of " + std::to_string(open_->length) + " samples from sample " +
                        std::to_string(open_->start) + " on is not over, but there is a tag '" +
                        options_.length_tag + "' " + overlap_place(*next),
                    *next);
            continue;
        }
        if (!open_->in_place) gather(windows, std::min(end, available));
        if (available < end) {
            want(windows, open_->in_place ? end : available + 1);
            return outcome::input;
        }
        send_open(windows);
    }
}

void heap_sink_impl::want(const std::vector<port_window>& windows, std::uint64_t end) {
    for (std::size_t p = 0; p < ports_.size(); ++p)
        ports_[p].wanted = windows[p].end < end ? end : 0;
}

void heap_sink_impl::read_tags(const std::vector<port_window>& windows) {
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        port_state& port = ports_[p];
        if (!port.wants_tags || port.tags_read >= windows[p].end) continue;
        get_tags_in_range(tag_scratch_, static_cast<unsigned>(p), port.tags_read, windows[p].end);
        port.tags_read = windows[p].end;
        for (const tag_t& t : tag_scratch_) {
            if (options_.samples_per_heap == 0 && pmt::eq(t.key, length_key_)) {
                const std::optional<std::uint64_t> length = to_length(t.value);
                // Tags of several inputs may have been merged before they came here.
                if (!port.tags.empty() && port.tags.back().offset == t.offset && length &&
                    port.tags.back().length == length)
                    continue;
                port.tags.push_back(
                    {t.offset, length, length ? std::string() : pmt::write_string(t.value)});
            }
            const auto read_scalar = [&](scalar_track& s) {
                if (!s.from_tag() || static_cast<std::size_t>(s.what().port) != p ||
                    !pmt::eq(t.key, s.key()))
                    return;
                if (!s.add_tag(t.offset, t.value))
                    counts_->bad_tag("tag '" + s.what().key + "' " + place(p, t.offset) + " is " +
                                     pmt::write_string(t.value) + ", which item '" + s.what().name +
                                     "' of dtype " + s.what().dtype + " cannot hold");
            };
            for (scalar_track& s : assembler_.scalars()) read_scalar(s);
            if (assembler_.substream_tag()) read_scalar(*assembler_.substream_tag());
        }
    }
}

/// The heap that starts at the cursor, where there is input on all ports.
heap_sink_impl::found heap_sink_impl::find_heap(std::uint64_t available) {
    if (options_.samples_per_heap != 0) return open(options_.samples_per_heap, available);
    std::uint64_t next = available;
    bool tagged = false;
    for (port_state& port : ports_) {
        while (!port.tags.empty() && port.tags.front().offset < cursor_) port.tags.pop_front();
        const auto after = std::find_if(port.tags.begin(), port.tags.end(),
                                        [&](const auto& t) { return t.offset > cursor_; });
        if (after != port.tags.end()) next = std::min(next, after->offset);
        tagged = tagged || (!port.tags.empty() && port.tags.front().offset == cursor_);
    }
    if (!tagged) {
        if (lost_)
            drop_to(next);
        else
            bad_tag("there is no tag '" + options_.length_tag + "' " + place(0, cursor_) +
                        ", where a packet should start",
                    next);
        return found::nothing;
    }
    const std::optional<std::uint64_t> length = length_here(next);
    return length ? open(*length, next) : found::nothing;
}

/// What the tags at the cursor say, if they say the same.
std::optional<std::uint64_t> heap_sink_impl::length_here(std::uint64_t next) {
    const std::string tag = "tag '" + options_.length_tag + "' ";
    std::optional<std::uint64_t> length;
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        const std::deque<length_tag>& tags = ports_[p].tags;
        if (tags.empty() || tags.front().offset != cursor_) {
            bad_tag("there is no " + tag + place(p, cursor_) + ", but another port has one there",
                    next);
            return std::nullopt;
        }
        const length_tag& t = tags.front();
        if (!t.length) {
            bad_tag(tag + place(p, cursor_) + " is " + t.text + ", but must be a positive number",
                    next);
            return std::nullopt;
        }
        if (length && *length != *t.length) {
            bad_tag(tag + place(p, cursor_) + " is " + std::to_string(*t.length) +
                        ", but on the ports before it is " + std::to_string(*length),
                    next);
            return std::nullopt;
        }
        length = t.length;
    }
    if (assembler_.length() != 0 && *length != assembler_.length()) {
        bad_tag(tag + place(0, cursor_) + " is " + std::to_string(*length) +
                    ", but the first packet had " + std::to_string(assembler_.length()) +
                    " samples and variable_length is false",
                next);
        return std::nullopt;
    }
    if (*length > assembler_.max_samples()) {
        bad_tag(tag + place(0, cursor_) + " is " + std::to_string(*length) + ", but a heap of " +
                    options_.flavour.to_string() + " holds at most " +
                    std::to_string(assembler_.max_samples()) + " of these samples",
                next);
        return std::nullopt;
    }
    return length;
}

heap_sink_impl::found heap_sink_impl::open(std::uint64_t length, std::uint64_t next) {
    open_heap h{cursor_, length, true, nullptr};
    std::size_t bytes = 0;
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        if (length > ports_[p].in_place_limit) h.in_place = false;
        if (assembler_.variable_length() && assembler_.formats()[p].swap_bytes() > 1)
            h.in_place = false;
        bytes += align64(static_cast<std::size_t>(length) * ports_[p].item_bytes);
    }
    if (!h.in_place) {
        const std::size_t used = pool_.in_use();
        if (used != 0 && used + bytes > gather_limit) return found::no_memory;
        try {
            h.memory = pool_.take(bytes);
        } catch (const std::bad_alloc&) {
            const std::string message = "there is no memory for a heap of " +
                                        std::to_string(length) + " samples " + place(0, cursor_);
            if (options_.samples_per_heap != 0)
                stop_with(message);
            else
                bad_tag(message, next);
            return found::nothing;
        }
    }
    lost_ = false;
    if (!assembler_.variable_length() && assembler_.length() == 0) assembler_.set_length(length);
    for (port_state& port : ports_)
        if (!port.tags.empty() && port.tags.front().offset == cursor_) port.tags.pop_front();
    open_ = std::move(h);
    return found::heap;
}

/// The first length tag within the open heap, before \a end.
std::optional<std::uint64_t> heap_sink_impl::overlap(std::uint64_t end) const {
    std::optional<std::uint64_t> first;
    for (const port_state& port : ports_)
        if (!port.tags.empty() && port.tags.front().offset < end)
            first = std::min(first.value_or(end), port.tags.front().offset);
    return first;
}

std::string heap_sink_impl::overlap_place(std::uint64_t offset) const {
    for (std::size_t p = 0; p < ports_.size(); ++p)
        if (!ports_[p].tags.empty() && ports_[p].tags.front().offset == offset)
            return place(p, offset);
    return place(0, offset);
}

/// Copy the open heap's samples from the cursor to \a end, which then are no longer needed.
void heap_sink_impl::gather(const std::vector<port_window>& windows, std::uint64_t end) {
    if (end <= cursor_) return;
    std::uint8_t* out = open_->memory->bytes.get();
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        const std::size_t item_bytes = ports_[p].item_bytes;
        const std::uint8_t* const from = windows[p].data + (cursor_ - read_) * item_bytes;
        std::uint8_t* const to = out + (cursor_ - open_->start) * item_bytes;
        const std::size_t n = static_cast<std::size_t>(end - cursor_) * item_bytes;
        if (assembler_.variable_length())
            assembler_.formats()[p].to_network(to, from, n);
        else
            std::memcpy(to, from, n);
        out += align64(static_cast<std::size_t>(open_->length) * item_bytes);
    }
    cursor_ = end;
    releases_.push_back({end, 0});
}

void heap_sink_impl::send_open(const std::vector<port_window>& windows) {
    const open_heap h = std::move(*open_);
    open_.reset();
    const std::optional<std::size_t> substream = assembler_.substream(h.start, h.length);
    if (!substream) {
        const std::string message = "tag '" + options_.substream.key() +
                                    "' names no substream for the packet " + place(0, h.start) +
                                    "; there are " + std::to_string(sender_.num_substreams());
        counts_->samples_dropped.fetch_add(h.length);
        cursor_ = h.end();
        releases_.push_back({cursor_, 0});
        if (options_.on_bad_tag == bad_tag_action::error)
            stop_with(message);
        else
            counts_->bad_tag(message);
        return;
    }
    std::unique_ptr<sink_heap> group = sender_.make();
    const std::uint8_t* gathered = h.memory ? h.memory->bytes.get() : nullptr;
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        if (h.in_place) {
            payload_[p] = windows[p].data + (h.start - read_) * ports_[p].item_bytes;
        } else {
            payload_[p] = gathered;
            gathered += align64(static_cast<std::size_t>(h.length) * ports_[p].item_bytes);
        }
    }
    const ::spead2::send::heap heap =
        assembler_.assemble(*group, *substream, h.start, h.length, payload_);
    group->payload = h.memory;
    // The sender keeps the heap if the stream's queue is full; advance() sees to that.
    static_cast<void>(sender_.queue(std::move(group), heap, *substream));
    cursor_ = h.end();
    if (h.in_place) releases_.push_back({cursor_, sender_.queued()});
}

void heap_sink_impl::bad_tag(const std::string& message, std::uint64_t next) {
    if (options_.on_bad_tag == bad_tag_action::error) {
        counts_->bad_tags.fetch_add(1);
        stop_with(message);
        return;
    }
    counts_->bad_tag(message + "; going on at the next good tag");
    lost_ = true;
    drop_to(next);
}

void heap_sink_impl::drop_to(std::uint64_t position) {
    counts_->samples_dropped.fetch_add(position - (open_ ? open_->start : cursor_));
    open_.reset();
    if (position == cursor_) return;
    cursor_ = position;
    releases_.push_back({position, 0});
}

void heap_sink_impl::stop_with(const std::string& message) {
    stopped_ = true;
    counts_->set_error(message);
    GR_LOG_ERROR(d_logger, message + "; stopping");
}

}  // namespace gr::spead2
