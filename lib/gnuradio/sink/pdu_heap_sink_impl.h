// SPDX-License-Identifier: GPL-3.0-or-later
// pdu_heap_sink: takes PDUs apart and sends each as a heap, holding back while the queue is full.
#pragma once

#include <cstdint>
#include <string>

#include <gnuradio/spead2/pdu_heap_sink.h>

#include "sink_core.h"

namespace gr::spead2 {

// The interface is for users, the core is shared: neither knows the other but by the interface.
// NOLINTNEXTLINE(misc-multiple-inheritance)
class pdu_heap_sink_impl final : public pdu_heap_sink, public sink_core {
public:
    pdu_heap_sink_impl(transport stream, const item& item, const pdu_heap_sink_options& options);
    ~pdu_heap_sink_impl() override;

    bool start() override;
    bool stop() override;

private:
    void handle(const pmt::pmt_t& message);
    /// Why the message makes no heap; empty if it does.
    [[nodiscard]] std::string send(const pmt::pmt_t& message);
    /// The same for a vector that is samples of the item: \a length of them in \a bytes bytes.
    [[nodiscard]] std::string send_samples(const pmt::pmt_t& metadata, const pmt::pmt_t& vector,
                                           const std::uint8_t* data, std::size_t bytes,
                                           std::uint64_t length);
    void wait_for_room();

    const pdu_heap_sink_options options_;
    const item item_;
    const pmt::pmt_t port_;
    std::uint64_t samples_ = 0;  ///< of the PDUs before
    bool running_ = false;
    bool stopping_ = false;
    bool stuck_ = false;  ///< the stream did not get on while the flowgraph stopped
};

}  // namespace gr::spead2
