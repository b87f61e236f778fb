// SPDX-License-Identifier: GPL-3.0-or-later
// Streams for the sinks that make their own.
#pragma once

#include <memory>
#include <string>

#include <gnuradio/spead2/stream_options.h>

#include <spead2/send/stream.h>

namespace gr::spead2 {

[[nodiscard]] std::shared_ptr<::spead2::send::stream> make_udp_stream(
    const endpoint_list& endpoints, const udp_stream_options& options);
[[nodiscard]] std::shared_ptr<::spead2::send::stream> make_tcp_stream(
    const endpoint_list& endpoints, const tcp_stream_options& options);
[[nodiscard]] std::shared_ptr<::spead2::send::stream> make_ibv_stream(
    const endpoint_list& endpoints, const std::string& interface_address,
    const ibv_stream_options& options);

}  // namespace gr::spead2
