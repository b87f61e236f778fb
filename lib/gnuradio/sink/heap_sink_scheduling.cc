// SPDX-License-Identifier: GPL-3.0-or-later
// heap_sink as GNU Radio's scheduler sees it: buffers, start and stop, what it waits for, and when
// input is consumed.
#include <gnuradio/block_detail.h>
#include <gnuradio/buffer.h>
#include <gnuradio/buffer_reader.h>
#include <gnuradio/io_signature.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "heap_sink_impl.h"

namespace gr::spead2 {
namespace {

// Heaps of samples_per_heap up to this size are sent from GNU Radio's buffers, which are made large
// enough for it.
constexpr std::uint64_t largest_in_place_heap = std::uint64_t{8} << 20;
// What GNU Radio makes of its own accord.
constexpr std::uint64_t default_buffer = std::uint64_t{64} << 10;
// Block and scheduler hand over many heaps at a time, since each hand-over wakes a thread.
constexpr std::uint64_t busy_heaps = 16;
constexpr std::uint64_t busy_buffer = std::uint64_t{1} << 20;
// What a paced stream sends while the blocks before run ahead: a larger buffer would only have them
// run ahead further.
constexpr double lead_seconds = 0.01;
// How long general_work() waits at most, since the scheduler cannot interrupt it.
constexpr std::chrono::milliseconds work_wait{50};

/// The buffer to ask for, as samples of heaps; 0: as GNU Radio makes it.
std::uint64_t buffer_for(std::uint64_t samples_per_heap, std::size_t item_bytes, double rate) {
    const std::uint64_t heap_bytes = samples_per_heap * item_bytes;
    if (heap_bytes == 0 || heap_bytes > largest_in_place_heap) return 0;
    std::uint64_t most = std::min(busy_heaps * heap_bytes, busy_buffer);
    if (rate > 0 && rate * lead_seconds < static_cast<double>(most))
        most = static_cast<std::uint64_t>(rate * lead_seconds);
    const std::uint64_t heaps = std::max<std::uint64_t>(4, most / heap_bytes);
    return heaps * heap_bytes > default_buffer ? heaps * samples_per_heap : 0;
}

gr::io_signature::sptr make_signature(const std::vector<item>& items) {
    std::vector<int> sizes;
    for (const item& i : items) sizes.push_back(static_cast<int>(item_size(i)));
    if (sizes.empty()) throw std::invalid_argument("items is empty, but a sink needs at least one");
    const int n = static_cast<int>(sizes.size());
    return gr::io_signature::makev(n, n, sizes);
}

}  // namespace

heap_sink::sptr heap_sink::make(transport stream, const std::vector<item>& items,
                                const heap_sink_options& options) {
    const heap_share share(items, options);
    heap_sink_options own = options;
    if (!share.is_whole()) own.samples_per_heap = share.own_samples();
    return gnuradio::make_block_sptr<heap_sink_impl>(std::move(stream), share, own);
}

heap_sink_impl::heap_sink_impl(transport stream, heap_share share, const heap_sink_options& options)
    : gr::block("heap_sink", make_signature(share.own_items()), gr::io_signature::make(0, 0, 0)),
      sink_core(*this, d_logger, std::move(stream), std::move(share), options,
                options.variable_length),
      options_(options),
      boundaries_(assembler_.formats().size(), options.samples_per_heap, options.length_tag),
      discontinuities_(options.restart_tag, options.sample_rate),
      ports_(assembler_.formats().size()),
      windows_(ports_.size()),
      payload_(ports_.size()) {
    if (options.samples_per_heap == 0 && options.length_tag.empty())
        throw std::invalid_argument(
            "length_tag is empty and samples_per_heap is 0; heaps need one");
    if (options.samples_per_heap > assembler_.max_samples())
        throw std::invalid_argument("samples_per_heap " + std::to_string(options.samples_per_heap) +
                                    " is above " + std::to_string(assembler_.max_samples()) +
                                    ", the most that " + options.flavour.to_string() +
                                    " can hold of these items");
    if (options.on_restart == restart_action::cut && !options.variable_length)
        throw std::invalid_argument(
            "on_restart is 'short', which needs variable_length: heaps of one length cannot be "
            "shorter");
    std::size_t largest = 0;
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        ports_[p].wants_tags = options.samples_per_heap == 0 || discontinuities_.wants_tags();
        largest = std::max(largest, assembler_.formats()[p].item_bytes());
    }
    for (const scalar_track& s : assembler_.scalars())
        if (s.from_tag()) ports_[static_cast<std::size_t>(s.what().port)].wants_tags = true;
    if (assembler_.substream_tag()) ports_[0].wants_tags = true;

    buffer_samples_ =
        buffer_for(options.samples_per_heap, largest, sender_.stream()->config().rate());
    ask_for_buffers(true);
}

heap_sink_impl::~heap_sink_impl() = default;

/// GNU Radio makes the buffer before a decimator large enough for two of its steps. So the block
/// says it is one, but only while buffers are made: the scheduler would hold the end of the input
/// back otherwise.
void heap_sink_impl::ask_for_buffers(bool ask) {
    set_relative_rate(1, ask && buffer_samples_ != 0 ? buffer_samples_ / 2 : 1);
}

bool heap_sink_impl::start() {
    ask_for_buffers(false);
    const bool on = resumes();
    if (!on) read_ = nitems_read(0);
    cursor_ = read_;
    const block_detail_sptr d = detail();
    std::vector<buffer_sptr> buffers;
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        const buffer_reader_sptr reader = d->input(static_cast<unsigned>(p));
        port_state& port = ports_[p];
        port.capacity = reader->max_possible_items_available();
        // Half a buffer is what blocks before may rely on for one call, so that much comes even if
        // the other half is never filled.
        port.in_place_limit = reader->buffer()->bufsize() / 2;
        port.shift = read_ - nitems_read(static_cast<unsigned>(p));
        port.tags_read = read_;
        port.wanted = 0;
        buffers.push_back(reader->buffer());
    }
    assembler_.reset(on);
    boundaries_.reset();
    if (!on) {
        discontinuities_.reset(read_);
        next_ = 0;
    }
    if (options_.samples_per_heap != 0 && !assembler_.variable_length())
        assembler_.set_length(options_.samples_per_heap);
    open_.reset();
    rest_end_ = cursor_;
    releases_.clear();
    last_ = outcome::input;
    lost_ = stopped_ = false;
    running_ = true;
    begin(d, std::move(buffers));
    return true;
}

bool heap_sink_impl::stop() {
    if (!running_) return true;
    running_ = false;
    const std::uint64_t end_of_input = finish_input();
    end();
    // What was sent, or told to be lost, is not to come again where the flowgraph was only locked.
    for (std::size_t p = 0; p < ports_.size() && end_of_input > read_; ++p)
        if (const buffer_reader_sptr reader = detail()->input(static_cast<unsigned>(p)))
            reader->update_read_pointer(static_cast<int>(end_of_input - read_));
    read_ = end_of_input;
    open_.reset();
    releases_.clear();
    ask_for_buffers(true);
    return true;
}

/// Send the whole heaps that are in the buffers, and count what is left.
std::uint64_t heap_sink_impl::finish_input() {
    for (std::size_t p = 0; p < ports_.size(); ++p) {
        const buffer_reader_sptr reader = detail()->input(static_cast<unsigned>(p));
        if (!reader) return read_;  // disconnected
        const gr::thread::scoped_lock lock(*reader->mutex());
        windows_[p] = {static_cast<const std::uint8_t*>(reader->read_pointer()),
                       reader->nitems_read() + ports_[p].shift +
                           static_cast<std::uint64_t>(reader->items_available())};
    }
    while (advance() == outcome::queue && sender_.wait_long()) {
    }
    // What one port has more than the others has only run ahead.
    std::uint64_t end = windows_[0].end;
    for (const port_window& w : windows_) end = std::min(end, w.end);
    const std::uint64_t from = open_ ? open_->start() : cursor_;
    if (end > from) {
        counts_->samples_dropped.fetch_add(end - from);
        GR_LOG_INFO(d_logger,
                    std::to_string(end - from) + " samples from sample " + std::to_string(from) +
                        " on were in no heap when the flowgraph stopped, and are not sent");
    }
    open_.reset();
    return end;
}

void heap_sink_impl::forecast(int, gr_vector_int& required) {
    std::fill(required.begin(), required.end(), 0);
    if (last_ != outcome::input || can_release() || must_stop()) return;
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
    last_ = advance();
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

void heap_sink_impl::want(std::uint64_t end) {
    for (std::size_t p = 0; p < ports_.size(); ++p)
        ports_[p].wanted = windows_[p].end < end ? end : 0;
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

}  // namespace gr::spead2
