// SPDX-License-Identifier: GPL-3.0-or-later
// heap_sink with a TCP connection of its own.
#pragma once

#include <vector>

#include <gnuradio/spead2/heap_sink.h>
#include <gnuradio/spead2/stream_options.h>

namespace gr::spead2 {

struct SPEAD2_GR_API tcp_heap_sink {
    using sptr = heap_sink::sptr;
    /// Connects at once. \param endpoints  exactly one
    /// \throw as heap_sink::make(); spead2::resolve_error; std::system_error (refused, ...)
    static sptr make(const endpoint_list& endpoints, const std::vector<item>& items,
                     const heap_sink_options& options = {},
                     const tcp_stream_options& stream_options = {});
};

}  // namespace gr::spead2
