// SPDX-License-Identifier: GPL-3.0-or-later
#include <gnuradio/spead2/ibv_heap_sink.h>

#include "heap_sink_impl.h"
#include "streams.h"

namespace gr::spead2 {

heap_sink::sptr ibv_heap_sink::make(const endpoint_list& endpoints,
                                    const std::string& interface_address,
                                    const std::vector<item>& items,
                                    const heap_sink_options& options,
                                    const ibv_stream_options& stream_options) {
    return gnuradio::make_block_sptr<heap_sink_impl>(
        "ibv_heap_sink", make_ibv_stream(endpoints, interface_address, stream_options), items,
        options);
}

}  // namespace gr::spead2
