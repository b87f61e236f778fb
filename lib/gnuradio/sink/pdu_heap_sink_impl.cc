// SPDX-License-Identifier: GPL-3.0-or-later
#include "pdu_heap_sink_impl.h"

#include <gnuradio/io_signature.h>

#include <boost/thread/thread.hpp>

#include <chrono>
#include <new>
#include <stdexcept>
#include <utility>

#include "streams.h"

namespace gr::spead2 {
namespace {

/// Type of the elements of a uniform vector.
struct vector_type {
    char kind;
    std::size_t bytes;
};

std::optional<vector_type> type_of(const pmt::pmt_t& v) {
    if (pmt::is_u8vector(v)) return vector_type{'u', 1};
    if (pmt::is_s8vector(v)) return vector_type{'i', 1};
    if (pmt::is_u16vector(v)) return vector_type{'u', 2};
    if (pmt::is_s16vector(v)) return vector_type{'i', 2};
    if (pmt::is_u32vector(v)) return vector_type{'u', 4};
    if (pmt::is_s32vector(v)) return vector_type{'i', 4};
    if (pmt::is_u64vector(v)) return vector_type{'u', 8};
    if (pmt::is_s64vector(v)) return vector_type{'i', 8};
    if (pmt::is_f32vector(v)) return vector_type{'f', 4};
    if (pmt::is_f64vector(v)) return vector_type{'f', 8};
    if (pmt::is_c32vector(v)) return vector_type{'c', 8};
    if (pmt::is_c64vector(v)) return vector_type{'c', 16};
    return std::nullopt;
}

std::string name_of(const vector_type& t) {
    const char* const kind = t.kind == 'u'   ? "uint"
                             : t.kind == 'i' ? "int"
                             : t.kind == 'f' ? "float"
                                             : "complex";
    return kind + std::to_string(8 * t.bytes);
}

}  // namespace

pdu_heap_sink::sptr pdu_heap_sink::make(std::shared_ptr<::spead2::send::stream> stream,
                                        const item& item, const pdu_heap_sink_options& options) {
    return gnuradio::make_block_sptr<pdu_heap_sink_impl>("pdu_heap_sink", std::move(stream), item,
                                                         options);
}

pdu_heap_sink_impl::pdu_heap_sink_impl(const std::string& name,
                                       std::shared_ptr<::spead2::send::stream> stream,
                                       const item& item, const pdu_heap_sink_options& options)
    : gr::block(name, gr::io_signature::make(0, 0, 0), gr::io_signature::make(0, 0, 0)),
      options_(options),
      item_(item),
      port_(pmt::mp("pdus")),
      counts_(std::make_shared<counters>(d_logger)),
      assembler_({item}, options.scalars, options.flavour, options.variable_length,
                 options.descriptor_interval, options.substream,
                 stream ? stream->num_substreams()
                        : throw std::invalid_argument("stream is None, but a sink needs one")),
      sender_(std::move(stream), options.flavour, counts_) {
    message_port_register_out(pmt::mp("stats"));
    message_port_register_in(port_);
    set_msg_handler(port_, [this](const pmt::pmt_t& message) { handle(message); });
}

pdu_heap_sink_impl::~pdu_heap_sink_impl() = default;

void pdu_heap_sink_impl::set_rate(double bytes_per_second) { stream()->set_rate(bytes_per_second); }

void pdu_heap_sink_impl::set_descriptor_interval(std::uint64_t heaps) {
    assembler_.set_descriptor_interval(heaps);
}

bool pdu_heap_sink_impl::start() {
    assembler_.reset();
    samples_ = 0;
    running_ = true;
    stopping_ = stuck_ = false;
    // No one to wake: the handler waits by itself.
    sender_.begin(options_.send_start, nullptr, {});
    counts_->start_rate();
    ticker_.start([this] { tick(); });
    return true;
}

bool pdu_heap_sink_impl::stop() {
    if (!running_) return true;
    stopping_ = true;
    // What had arrived before the flowgraph stopped.
    while (const pmt::pmt_t message = delete_head_nowait(port_)) handle(message);
    running_ = false;
    sender_.end(options_.send_end);
    ticker_.stop();
    tick();
    counts_->flush_logs();
    pool_.clear();
    return true;
}

void pdu_heap_sink_impl::tick() {
    message_port_pub(pmt::mp("stats"), counts_->dictionary());
    counts_->flush_logs();
}

void pdu_heap_sink_impl::handle(const pmt::pmt_t& message) {
    if (!running_ || !counts_->error().empty()) return;
    if (stuck_) {
        counts_->heaps_failed.fetch_add(1);
        return;
    }
    const std::string problem = send(message);
    if (!problem.empty()) counts_->bad_tag("a message is no PDU for this sink: " + problem);
    if (options_.on_send_error == send_error_action::error && sender_.session()->failed()) {
        counts_->set_error(sender_.session()->failure());
        GR_LOG_ERROR(d_logger, sender_.session()->failure() + "; stopping");
        // What GNU Radio itself tells a block that is to finish.
        _post(pmt::mp("system"), pmt::cons(pmt::mp("done"), pmt::from_long(1)));
    }
}

std::string pdu_heap_sink_impl::send(const pmt::pmt_t& message) {
    if (!pmt::is_pair(message)) return "it is no pair of a dictionary and a vector";
    const pmt::pmt_t metadata = pmt::car(message);
    const pmt::pmt_t vector = pmt::cdr(message);
    if (!pmt::is_dict(metadata) && !pmt::is_null(metadata))
        return "its first half is no dictionary";
    const std::optional<vector_type> type =
        pmt::is_uniform_vector(vector) ? type_of(vector) : std::nullopt;
    if (!type) return "its second half is no uniform vector";
    const sample_format& format = assembler_.formats()[0];
    if (type->kind != format.kind() || type->bytes != format.element_bytes())
        return "its elements are " + name_of(*type) + ", but the item's are " + item_.dtype;
    std::size_t bytes = 0;
    const auto* const data =
        static_cast<const std::uint8_t*>(pmt::uniform_vector_elements(vector, bytes));
    if (bytes == 0) return "it is empty";
    if (bytes % format.item_bytes() != 0)
        return "its " + std::to_string(bytes) + " bytes are no multiple of the item's " +
               std::to_string(format.item_bytes());
    const std::uint64_t length = bytes / format.item_bytes();
    if (assembler_.length() != 0 && length != assembler_.length())
        return "it has " + std::to_string(length) + " samples, but the first one had " +
               std::to_string(assembler_.length()) + " and variable_length is false";
    if (length > assembler_.max_samples())
        return "it has " + std::to_string(length) + " samples, more than a heap of " +
               options_.flavour.to_string() + " can hold";

    const std::uint64_t start = samples_;
    const auto read_scalar = [&](scalar_track& s) {
        if (!s.from_tag() || !pmt::is_dict(metadata) || !pmt::dict_has_key(metadata, s.key()))
            return;
        const pmt::pmt_t value = pmt::dict_ref(metadata, s.key(), pmt::PMT_NIL);
        if (!s.add_tag(start, value))
            counts_->bad_tag("metadata '" + s.what().key + "' is " + pmt::write_string(value) +
                             ", which item '" + s.what().name + "' of dtype " + s.what().dtype +
                             " cannot hold");
    };
    for (scalar_track& s : assembler_.scalars()) read_scalar(s);
    if (assembler_.substream_tag()) read_scalar(*assembler_.substream_tag());
    samples_ += length;
    const std::optional<std::size_t> substream = assembler_.substream(start, length);
    if (!substream) {
        counts_->samples_dropped.fetch_add(length);
        return "its metadata '" + options_.substream.key() + "' names no substream; there are " +
               std::to_string(sender_.num_substreams());
    }

    // The heap refers to the message's own vector, unless that has to be in network byte order.
    std::unique_ptr<sink_heap> group = sender_.make();
    const std::uint8_t* payload = data;
    if (assembler_.variable_length() && format.swap_bytes() > 1) {
        std::shared_ptr<gather_buffer> memory;
        try {
            memory = pool_.take(bytes);
        } catch (const std::bad_alloc&) {
            counts_->samples_dropped.fetch_add(length);
            return "there is no memory for " + std::to_string(bytes) + " bytes";
        }
        format.to_network(memory->bytes.get(), data, bytes);
        payload = memory->bytes.get();
        group->payload = std::move(memory);
    } else {
        group->payload = std::make_shared<pmt::pmt_t>(vector);
    }
    if (!assembler_.variable_length() && assembler_.length() == 0) assembler_.set_length(length);

    const ::spead2::send::heap heap =
        assembler_.assemble(*group, *substream, start, length, {payload});
    if (!sender_.queue(std::move(group), heap, *substream)) wait_for_room();
    sender_.kick();
    return {};
}

/// The heap that the sender kept holds back those behind it: without limit while the flowgraph
/// runs, and as long as that makes sense once it stops.
void pdu_heap_sink_impl::wait_for_room() {
    while (!sender_.retry()) {
        if (!stopping_ && !boost::this_thread::interruption_requested()) {
            sender_.wait(std::chrono::milliseconds(50));
        } else if (stuck_ || !sender_.wait_long()) {
            stuck_ = true;
            sender_.discard_kept();
        }
    }
}

// ---- With a stream of its own

pdu_heap_sink::sptr udp_pdu_heap_sink::make(const endpoint_list& endpoints, const item& item,
                                            const pdu_heap_sink_options& options,
                                            const udp_stream_options& stream_options) {
    return gnuradio::make_block_sptr<pdu_heap_sink_impl>(
        "udp_pdu_heap_sink", make_udp_stream(endpoints, stream_options), item, options);
}

}  // namespace gr::spead2
