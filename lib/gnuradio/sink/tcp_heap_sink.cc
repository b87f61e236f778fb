// SPDX-License-Identifier: GPL-3.0-or-later
#include <gnuradio/spead2/tcp_heap_sink.h>

#include "heap_sink_impl.h"
#include "streams.h"

namespace gr::spead2 {

heap_sink::sptr tcp_heap_sink::make(const endpoint_list& endpoints, const std::vector<item>& items,
                                    const heap_sink_options& options,
                                    const tcp_stream_options& stream_options) {
    return gnuradio::make_block_sptr<heap_sink_impl>(
        "tcp_heap_sink", make_tcp_stream(endpoints, stream_options), items, options);
}

}  // namespace gr::spead2
