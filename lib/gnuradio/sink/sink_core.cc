// SPDX-License-Identifier: GPL-3.0-or-later
#include "sink_core.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "common/pmt_text.h"

namespace gr::spead2 {

sink_core::sink_core(gr::block& block, gr::logger_ptr logger, transport stream,
                     const std::vector<item>& items, const sink_options& options,
                     bool variable_length)
    : counts_(std::make_shared<counters>(logger)),
      assembler_(items, options, variable_length,
                 stream ? stream->num_substreams()
                        : throw std::invalid_argument("stream is None, but a sink needs one")),
      sender_(std::move(stream), options.flavour, counts_),
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
}

void sink_core::begin(const block_detail_sptr& detail, std::vector<buffer_sptr> buffers) {
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
