// SPDX-License-Identifier: GPL-3.0-or-later
// A block that sends each PDU of a message port as a heap.
#pragma once

#include <memory>

#include <gnuradio/block.h>
#include <gnuradio/spead2/api.h>
#include <gnuradio/spead2/item.h>
#include <gnuradio/spead2/sink.h>
#include <gnuradio/spead2/sink_options.h>
#include <gnuradio/spead2/transports.h>

namespace gr::spead2 {

/// Message port "pdus": pairs of a dictionary and a uniform vector whose type fits the item. A
/// message that is none is counted in bad_tags() and logged. tag_item() takes the entry of that key
/// of the dictionary; counter_item() counts the samples of the PDUs before. Message port "stats" as
/// in heap_sink.
class SPEAD2_GR_API pdu_heap_sink : virtual public gr::block, virtual public sink {
public:
    using sptr = std::shared_ptr<pdu_heap_sink>;

    /// \param stream  udp(), tcp(), ibv(), or any stream of the engine; several sinks may share it
    /// \throw std::invalid_argument naming what is wrong
    static sptr make(transport stream, const item& item, const pdu_heap_sink_options& options = {});
};

/// Sink and transport in one step.
struct udp_pdu_heap_sink {
    using sptr = pdu_heap_sink::sptr;
    static sptr make(const endpoint_list& endpoints, const item& item,
                     const pdu_heap_sink_options& options = {},
                     const engine::send::udp_options& transport_options = {},
                     const engine::send::stream_config& config = default_config()) {
        return pdu_heap_sink::make(udp(endpoints, transport_options, config), item, options);
    }
};

}  // namespace gr::spead2
