// SPDX-License-Identifier: GPL-3.0-or-later
// A block that sends tagged packets of samples as heaps.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gnuradio/block.h>
#include <gnuradio/spead2/api.h>
#include <gnuradio/spead2/item.h>
#include <gnuradio/spead2/sink.h>
#include <gnuradio/spead2/sink_options.h>
#include <gnuradio/spead2/transports.h>

namespace gr::spead2 {

/// One input port an item. Message port "stats": once a second a dictionary of the counts, and
/// "rate", bytes per second since the last one.
///
/// A heap of at most half of GNU Radio's buffer is sent from there, others are gathered in memory
/// of the block's own. When the stream's queue is full, the flowgraph waits. At the end of the
/// input, and when the flowgraph stops, whole heaps are sent, then the end heap; heaps that do not
/// get on for 5 s longer than their rate explains are given up.
class SPEAD2_GR_API heap_sink : virtual public gr::block, virtual public sink {
public:
    using sptr = std::shared_ptr<heap_sink>;

    /// \param stream  udp(), tcp(), ibv(), or any stream of the engine; several sinks may share it
    /// \throw std::invalid_argument naming what is wrong
    static sptr make(transport stream, const std::vector<item>& items,
                     const heap_sink_options& options = {});
};

// ---- Sink and transport in one step

struct udp_heap_sink {
    using sptr = heap_sink::sptr;
    static sptr make(const endpoint_list& endpoints, const std::vector<item>& items,
                     const heap_sink_options& options = {},
                     const engine::send::udp_options& transport_options = {},
                     const engine::send::stream_config& config = default_config()) {
        return heap_sink::make(udp(endpoints, transport_options, config), items, options);
    }
};

struct tcp_heap_sink {
    using sptr = heap_sink::sptr;
    static sptr make(
        const endpoint_list& endpoints, const std::vector<item>& items,
        const heap_sink_options& options = {},
        const engine::send::tcp_options& transport_options = {},
        const engine::send::stream_config& config = default_config<engine::send::tcp_options>()) {
        return heap_sink::make(tcp(endpoints, transport_options, config), items, options);
    }
};

struct ibv_heap_sink {
    using sptr = heap_sink::sptr;
    static sptr make(const endpoint_list& endpoints, const std::vector<item>& items,
                     const heap_sink_options& options,
                     const engine::send::udp_ibv_options& transport_options,
                     const engine::send::stream_config& config = default_config()) {
        return heap_sink::make(ibv(endpoints, transport_options, config), items, options);
    }
};

}  // namespace gr::spead2
