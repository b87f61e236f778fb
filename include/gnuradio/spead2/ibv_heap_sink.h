// SPDX-License-Identifier: GPL-3.0-or-later
// heap_sink with a stream of its own that sends UDP multicast past the kernel, through ibverbs.
#pragma once

#include <string>
#include <vector>

#include <gnuradio/spead2/heap_sink.h>
#include <gnuradio/spead2/stream_options.h>

namespace gr::spead2 {

struct SPEAD2_GR_API ibv_heap_sink {
    using sptr = heap_sink::sptr;
    /// \param endpoints          IPv4 multicast, one substream each
    /// \param interface_address  IPv4 address of the interface; a verbs device must own it
    /// \throw as heap_sink::make(); spead2::resolve_error; std::system_error; std::runtime_error
    ///        where there are no ibverbs libraries
    static sptr make(const endpoint_list& endpoints, const std::string& interface_address,
                     const std::vector<item>& items, const heap_sink_options& options = {},
                     const ibv_stream_options& stream_options = {});
};

}  // namespace gr::spead2
