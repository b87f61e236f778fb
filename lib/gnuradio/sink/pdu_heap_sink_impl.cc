// SPDX-License-Identifier: GPL-3.0-or-later
#include "pdu_heap_sink_impl.h"

#include <gnuradio/io_signature.h>

#include <boost/thread/thread.hpp>

#include <chrono>
#include <new>
#include <stdexcept>
#include <utility>

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

pdu_heap_sink::sptr pdu_heap_sink::make(transport stream, const item& item,
                                        const pdu_heap_sink_options& options) {
    return gnuradio::make_block_sptr<pdu_heap_sink_impl>(std::move(stream), item, options);
}

pdu_heap_sink_impl::pdu_heap_sink_impl(transport stream, const item& item,
                                       const pdu_heap_sink_options& options)
    : gr::block("pdu_heap_sink", gr::io_signature::make(0, 0, 0), gr::io_signature::make(0, 0, 0)),
      sink_core(*this, d_logger, std::move(stream), heap_share({item}), options,
                options.variable_length),
      options_(options),
      item_(item),
      port_(pmt::mp("pdus")) {
    message_port_register_in(port_);
    set_msg_handler(port_, [this](const pmt::pmt_t& message) { handle(message); });
}

pdu_heap_sink_impl::~pdu_heap_sink_impl() = default;

bool pdu_heap_sink_impl::start() {
    const bool on = resumes();
    assembler_.reset(on);
    if (!on) samples_ = 0;
    running_ = true;
    stopping_ = stuck_ = false;
    begin(nullptr, {});  // no one to wake: the handler waits by itself
    return true;
}

bool pdu_heap_sink_impl::stop() {
    if (!running_) return true;
    stopping_ = true;
    // What had arrived before the flowgraph stopped.
    while (const pmt::pmt_t message = delete_head_nowait(port_)) handle(message);
    running_ = false;
    end();
    return true;
}

void pdu_heap_sink_impl::handle(const pmt::pmt_t& message) {
    if (!running_ || !counts_->error().empty()) return;
    if (stuck_) {
        counts_->heaps_failed.fetch_add(1);
        return;
    }
    const std::string problem = send(message);
    if (!problem.empty()) counts_->bad_tag("a message is no PDU for this sink: " + problem);
    if (must_stop()) {
        stop_with(sender_.session()->failure());
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

    return send_samples(metadata, vector, data, bytes, length);
}

std::string pdu_heap_sink_impl::send_samples(const pmt::pmt_t& metadata, const pmt::pmt_t& vector,
                                             const std::uint8_t* data, std::size_t bytes,
                                             std::uint64_t length) {
    const std::uint64_t start = samples_;
    for_each_key([&](const pmt::pmt_t& key) {
        if (!pmt::is_dict(metadata) || !pmt::dict_has_key(metadata, key)) return;
        add_value(0, key, start, pmt::dict_ref(metadata, key, pmt::PMT_NIL),
                  [&] { return "metadata '" + pmt::symbol_to_string(key) + "'"; });
    });
    samples_ += length;
    follow_destinations();
    const std::optional<std::size_t> substream = assembler_.substream({start, length});
    if (!substream) {
        counts_->samples_dropped.fetch_add(length);
        assembler_.settle(samples_, samples_);
        return "its metadata '" + options_.substream.key() + "' names no substream; there are " +
               std::to_string(sender_.num_substreams());
    }

    const sample_format& format = assembler_.formats()[0];
    // The heap refers to the message's own vector, unless that has to be in network byte order.
    std::unique_ptr<sink_heap> group = sender_.make();
    const std::uint8_t* payload = data;
    if (assembler_.variable_length() && format.swap_bytes() > 1) {
        std::shared_ptr<gather_buffer> memory;
        try {
            memory = pool_.take(bytes);
        } catch (const std::bad_alloc&) {
            counts_->samples_dropped.fetch_add(length);
            assembler_.settle(samples_, samples_);
            return "there is no memory for " + std::to_string(bytes) + " bytes";
        }
        format.to_network(memory->bytes.get(), data, bytes);
        payload = memory->bytes.get();
        group->payload = std::move(memory);
    } else {
        group->payload = std::make_shared<pmt::pmt_t>(vector);
    }
    if (!assembler_.variable_length() && assembler_.length() == 0) assembler_.set_length(length);

    const engine::send::heap heap =
        assembler_.assemble(*group, *substream, {start, length}, {payload});
    for (scalar_track& s : assembler_.scalars()) s.forget_times();
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

}  // namespace gr::spead2
