// SPDX-License-Identifier: GPL-3.0-or-later
// What the two sinks share: counts and statistics, the values of scalar items, start and stop of the
// stream. Where heaps come from is left to the sinks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gnuradio/block.h>
#include <gnuradio/spead2/sink.h>
#include <gnuradio/spead2/sink_options.h>
#include <gnuradio/spead2/transports.h>

#include "common/counters.h"
#include "common/gather_pool.h"
#include "common/ticker.h"
#include "heap_assembler.h"
#include "heap_sender.h"
#include "heap_share.h"
#include "new_destinations.h"

namespace gr::spead2 {

class sink_core : public virtual sink {
public:
    std::uint64_t heaps_sent() const final { return counts_->heaps_sent.load(); }
    std::uint64_t bytes_sent() const final { return counts_->bytes_sent.load(); }
    std::uint64_t heaps_failed() const final { return counts_->heaps_failed.load(); }
    std::uint64_t samples_dropped() const final { return counts_->samples_dropped.load(); }
    std::uint64_t bad_tags() const final { return counts_->bad_tags.load(); }
    std::uint64_t restarts() const final { return counts_->restarts.load(); }
    std::uint64_t samples_padded() const final { return counts_->samples_padded.load(); }
    std::uint64_t queue_length() const final { return counts_->in_queue.load(); }
    double held_back() const final { return counts_->held_back(); }
    std::string last_error() const final { return counts_->last_error(); }
    std::string error() const final { return counts_->error(); }

    void set_rate(double bytes_per_second) final { sender_.stream()->set_rate(bytes_per_second); }
    void set_descriptor_interval(std::uint64_t heaps) final {
        assembler_.set_descriptor_interval(heaps);
    }
    std::uint64_t descriptor_interval() const final { return assembler_.descriptor_interval(); }
    void set_descriptor_seconds(double seconds) final {
        assembler_.set_descriptor_seconds(seconds);
    }
    double descriptor_seconds() const final { return assembler_.descriptor_seconds(); }
    void set_destination(const std::string& host, int port, std::size_t substream) final {
        destinations_.ask(*sender_.stream(), host, port, substream);
    }
    const transport& stream() const final { return sender_.stream(); }

protected:
    /// \param block  gets the message ports "stats" and "cmd"
    sink_core(gr::block& block, gr::logger_ptr logger, transport stream, heap_share share,
              const sink_options& options, bool variable_length);

    /// Whether start() is that of lock() and unlock(): the input goes on. Once a start().
    [[nodiscard]] bool resumes();
    /// The flowgraph starts.
    void begin(const block_detail_sptr& detail, std::vector<buffer_sptr> buffers);
    /// It stops, and no heap follows: wait for those in flight.
    void end();

    /// Before a heap is made: it may have to go elsewhere.
    void follow_destinations() {
        destinations_.follow(*sender_.stream(),
                             [this](std::size_t i) { assembler_.describe_again(i); });
    }

    /// Calls \a f with the key of each tag that some scalar goes by.
    template <typename F>
    void for_each_key(const F& f) {
        for (const pmt::pmt_t& key : keys_) f(key);
    }
    /// Give \a value to those scalars that go by \a key. \a where is for messages, as "tag 'k'".
    template <typename Where>
    void add_value(std::size_t port, const pmt::pmt_t& key, std::uint64_t position,
                   const pmt::pmt_t& value, const Where& where) {
        const auto add = [&](scalar_track& s) {
            if (!s.from_tag() || static_cast<std::size_t>(s.what().port) != port ||
                !pmt::eq(key, s.key()))
                return;
            if (!s.add_tag(position, value)) refuse_value(s, value, where());
        };
        for (scalar_track& s : assembler_.scalars()) add(s);
        if (assembler_.substream_tag()) add(*assembler_.substream_tag());
    }

    /// Whether a heap failed that is to stop the flowgraph.
    [[nodiscard]] bool must_stop() const {
        return on_send_error_ == send_error_action::error && sender_.session()->failed();
    }
    void stop_with(const std::string& message);

    const std::shared_ptr<counters> counts_;
    heap_assembler assembler_;
    heap_sender sender_;
    gather_pool pool_;

private:
    void refuse_value(const scalar_track& s, const pmt::pmt_t& value, const std::string& where);
    void tick();
    void command(const pmt::pmt_t& message);
    void command(const std::string& key, const pmt::pmt_t& value);
    void set_number(const std::string& key, const pmt::pmt_t& value);
    void set_destination(const pmt::pmt_t& value);

    gr::block& block_;
    std::weak_ptr<block_detail> before_;  ///< of the last start()
    std::vector<pmt::pmt_t> keys_;
    new_destinations destinations_;
    gr::logger_ptr logger_;
    ticker ticker_;
    const send_error_action on_send_error_;
    const bool send_start_;
    const bool send_end_;
};

}  // namespace gr::spead2
