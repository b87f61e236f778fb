// SPDX-License-Identifier: GPL-3.0-or-later
// Runs a flowgraph that sends four bytes as one heap to the UDP port of this machine that is given
// on the command line.

#include <string>

#include <gnuradio/blocks/vector_source.h>
#include <gnuradio/spead2/heap_sink.h>
#include <gnuradio/top_block.h>

int main(int /*argc*/, char** argv) {
    gr::spead2::item item;
    item.name = "samples";
    item.dtype = "byte";
    gr::spead2::heap_sink_options options;
    options.samples_per_heap = 4;

    auto flowgraph = gr::make_top_block("consumer");
    auto source = gr::blocks::vector_source<std::uint8_t>::make({0xDE, 0xAD, 0xBE, 0xEF});
    auto sink =
        gr::spead2::udp_heap_sink::make({{"127.0.0.1", std::stoi(argv[1])}}, {item}, options);
    flowgraph->connect(source, 0, sink, 0);
    flowgraph->run();
    return sink->heaps_sent() == 1 ? 0 : 1;
}
