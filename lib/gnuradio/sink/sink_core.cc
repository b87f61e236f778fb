// SPDX-License-Identifier: GPL-3.0-or-later
#include "sink_core.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

#include "common/pmt_text.h"

namespace gr::spead2 {

sink_core::sink_core(gr::block& block, gr::logger_ptr logger, transport stream, heap_share share,
                     const sink_options& options, bool variable_length)
    : counts_(std::make_shared<counters>(logger)),
      assembler_(std::move(share), options, variable_length,
                 stream ? stream->num_substreams()
                        : throw std::invalid_argument("stream is None, but a sink needs one")),
      sender_(std::move(stream), options.flavour, counts_, assembler_.share()),
      block_(block),
      logger_(std::move(logger)),
      on_send_error_(options.on_send_error),
      send_start_(options.send_start),
      send_end_(options.send_end) {
    const auto add_key = [this](const scalar_track& s) {
        if (s.from_tag() && std::find(keys_.begin(), keys_.end(), s.key()) == keys_.end())
            keys_.push_back(s.key());
    };
    for (const scalar_track& s : assembler_.scalars()) add_key(s);
    if (assembler_.substream_tag()) add_key(*assembler_.substream_tag());
    block_.message_port_register_out(pmt::mp("stats"));
    const pmt::pmt_t port = pmt::mp("cmd");
    block_.message_port_register_in(port);
    block_.set_msg_handler(port, [this](const pmt::pmt_t& message) { command(message); });
}

/// A flowgraph that starts has details of its own for all blocks; one that was locked keeps those of
/// the blocks that were in it.
bool sink_core::resumes() {
    const block_detail_sptr now = block_.detail();
    const bool same = now != nullptr && before_.lock() == now;
    before_ = now;
    return same;
}

void sink_core::begin(const block_detail_sptr& detail, std::vector<buffer_sptr> buffers) {
    follow_destinations();
    sender_.begin(send_start_, detail, std::move(buffers));
    counts_->start_rate();
    ticker_.start([this] { tick(); });
}

void sink_core::end() {
    sender_.end(send_end_);
    ticker_.stop();
    tick();
    counts_->flush_logs();
    pool_.clear();
}

void sink_core::tick() {
    block_.message_port_pub(pmt::mp("stats"), counts_->dictionary());
    counts_->flush_logs();
}

/// A pair of a key and a value, or a dictionary of those.
void sink_core::command(const pmt::pmt_t& message) {
    if (pmt::is_pair(message) && pmt::is_symbol(pmt::car(message))) {
        command(pmt::symbol_to_string(pmt::car(message)), pmt::cdr(message));
        return;
    }
    pmt::pmt_t rest = message;
    for (; pmt::is_pair(rest) && pmt::is_pair(pmt::car(rest)) &&
           pmt::is_symbol(pmt::car(pmt::car(rest)));
         rest = pmt::cdr(rest))
        command(pmt::symbol_to_string(pmt::car(pmt::car(rest))), pmt::cdr(pmt::car(rest)));
    if (!pmt::is_null(rest) || pmt::is_null(message))
        counts_->bad_tag("a message at cmd is no pair of a key and a value, nor a dictionary: " +
                         brief(message));
}

void sink_core::command(const std::string& key, const pmt::pmt_t& value) {
    try {
        if (key == "destination")
            set_destination(value);
        else
            set_number(key, value);
    } catch (const std::exception& e) {
        counts_->bad_tag("command '" + key.substr(0, 40) + "' " + e.what());
    }
}

void sink_core::set_number(const std::string& key, const pmt::pmt_t& value) {
    if (!pmt::is_real(value) && !pmt::is_integer(value) && !pmt::is_uint64(value))
        throw std::invalid_argument("is " + brief(value) + ", but must be a number");
    const double number =
        pmt::is_uint64(value) ? static_cast<double>(pmt::to_uint64(value)) : pmt::to_double(value);
    if (key == "rate")
        set_rate(number);
    else if (key == "descriptor_seconds")
        set_descriptor_seconds(number);
    else if (key != "descriptor_interval")
        throw std::invalid_argument(
            "is not known; there are rate, descriptor_interval, descriptor_seconds and "
            "destination");
    else if (!(number >= 0 && number < 0x1p63))
        throw std::invalid_argument("is " + brief(value) + ", but must be at least 0 heaps");
    else
        set_descriptor_interval(static_cast<std::uint64_t>(number));
}

/// A pair of host and port, or a tuple of those and maybe a substream.
void sink_core::set_destination(const pmt::pmt_t& value) {
    std::vector<pmt::pmt_t> parts;
    if (pmt::is_pair(value))
        parts = {pmt::car(value), pmt::cdr(value)};
    else if (pmt::is_tuple(value))
        for (std::size_t i = 0; i < std::min<std::size_t>(pmt::length(value), 4); ++i)
            parts.push_back(pmt::tuple_ref(value, i));
    const auto is_number = [](const pmt::pmt_t& p) {
        return pmt::is_integer(p) && pmt::to_long(p) >= 0 && pmt::to_long(p) <= 65535;
    };
    if (parts.size() < 2 || parts.size() > 3 || !pmt::is_symbol(parts[0]) ||
        !std::all_of(parts.begin() + 1, parts.end(), is_number))
        throw std::invalid_argument("is " + brief(value) +
                                    ", but must be a host and a port, and maybe a substream");
    set_destination(pmt::symbol_to_string(parts[0]), static_cast<int>(pmt::to_long(parts[1])),
                    parts.size() == 3 ? static_cast<std::size_t>(pmt::to_long(parts[2])) : 0);
}

void sink_core::refuse_value(const scalar_track& s, const pmt::pmt_t& value,
                             const std::string& where) {
    counts_->bad_tag(where + " is " + brief(value) + ", which item '" + s.what().name +
                     "' of dtype " + s.what().dtype + " cannot hold");
}

void sink_core::stop_with(const std::string& message) {
    counts_->set_error(message);
    GR_LOG_ERROR(logger_, message + "; stopping");
}

}  // namespace gr::spead2
