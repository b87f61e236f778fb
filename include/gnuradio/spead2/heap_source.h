// SPDX-License-Identifier: GPL-3.0-or-later
// A block that receives heaps and puts out their samples.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gnuradio/block.h>
#include <gnuradio/spead2/api.h>
#include <gnuradio/spead2/item.h>
#include <gnuradio/spead2/receivers.h>
#include <gnuradio/spead2/source.h>
#include <gnuradio/spead2/source_options.h>

namespace gr::spead2 {

/// One output port an item. Message port "stats": once a second a dictionary of the counts, and
/// "rate", bytes per second since the last one.
///
/// When the flowgraph takes no samples, the stream's reader pauses; no thread waits for the block.
/// The flowgraph ends when the stream does (by a stop item, if its configuration says so). Stopping
/// the flowgraph leaves the stream as it is.
class SPEAD2_GR_API heap_source : virtual public gr::block, virtual public source {
public:
    using sptr = std::shared_ptr<heap_source>;

    /// \param stream  udp_receiver(), tcp_receiver(), or any stream of the engine with a ring
    /// \throw std::invalid_argument naming what is wrong
    static sptr make(receiver stream, const std::vector<item>& items,
                     const heap_source_options& options = {});
};

// ---- Source and receiver in one step

struct udp_heap_source {
    using sptr = heap_source::sptr;
    static sptr make(const std::string& host, int port, const std::vector<item>& items,
                     const heap_source_options& options = {},
                     const engine::recv::udp_reader_options& reader = {}) {
        return heap_source::make(udp_receiver(host, port, reader), items, options);
    }
};

struct tcp_heap_source {
    using sptr = heap_source::sptr;
    static sptr make(const std::string& host, int port, const std::vector<item>& items,
                     const heap_source_options& options = {},
                     const engine::recv::tcp_reader_options& reader = {}) {
        return heap_source::make(tcp_receiver(host, port, reader), items, options);
    }
};

}  // namespace gr::spead2
