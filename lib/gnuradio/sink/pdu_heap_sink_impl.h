// SPDX-License-Identifier: GPL-3.0-or-later
// pdu_heap_sink: takes PDUs apart and sends each as a heap, holding back while the queue is full.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gnuradio/spead2/pdu_heap_sink.h>

#include "common/counters.h"
#include "common/gather_pool.h"
#include "common/ticker.h"
#include "heap_assembler.h"
#include "heap_sender.h"

namespace gr::spead2 {

class pdu_heap_sink_impl final : public pdu_heap_sink {
public:
    pdu_heap_sink_impl(const std::string& name, std::shared_ptr<::spead2::send::stream> stream,
                       const item& item, const pdu_heap_sink_options& options);
    ~pdu_heap_sink_impl() override;

    bool start() override;
    bool stop() override;

    void set_rate(double bytes_per_second) override;
    void set_descriptor_interval(std::uint64_t heaps) override;
    std::uint64_t descriptor_interval() const override { return assembler_.descriptor_interval(); }
    const std::shared_ptr<::spead2::send::stream>& stream() const override {
        return sender_.stream();
    }
    std::uint64_t heaps_sent() const override { return counts_->heaps_sent.load(); }
    std::uint64_t bytes_sent() const override { return counts_->bytes_sent.load(); }
    std::uint64_t heaps_failed() const override { return counts_->heaps_failed.load(); }
    std::uint64_t samples_dropped() const override { return counts_->samples_dropped.load(); }
    std::uint64_t bad_tags() const override { return counts_->bad_tags.load(); }
    std::string error() const override { return counts_->error(); }

private:
    void handle(const pmt::pmt_t& message);
    /// Why the message makes no heap; empty if it does.
    [[nodiscard]] std::string send(const pmt::pmt_t& message);
    void wait_for_room();
    void tick();

    const pdu_heap_sink_options options_;
    const item item_;
    const pmt::pmt_t port_;
    const std::shared_ptr<counters> counts_;
    heap_assembler assembler_;
    heap_sender sender_;
    gather_pool pool_;
    ticker ticker_;
    std::uint64_t samples_ = 0;  ///< of the PDUs before
    bool running_ = false;
    bool stopping_ = false;
    bool stuck_ = false;  ///< the stream did not get on while the flowgraph stopped
};

}  // namespace gr::spead2
