// SPDX-License-Identifier: GPL-3.0-or-later
// The transports by name: what udp(), tcp() and ibv() return is a stream, with a thread of its own,
// that one sink or several send on. Their options are the engine's.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gnuradio/spead2/api.h>

#include <spead2/send/config.h>
#include <spead2/send/stream.h>
#include <spead2/send/transports/tcp.h>
#include <spead2/send/transports/udp.h>
#include <spead2/send/transports/udp_ibv.h>

namespace gr::spead2 {

/// (host, port) of each substream.
using endpoint_list = std::vector<std::pair<std::string, int>>;
using transport = std::shared_ptr<engine::send::stream>;

/// Enough heaps for several calls of a sink's general_work() while one is on its way.
inline constexpr std::size_t queue_heaps = 16;
inline constexpr std::size_t tcp_packet_size = 65536;

/// The engine's defaults, but for a queue that is long enough for a flowgraph's rhythm.
[[nodiscard]] SPEAD2_GR_API engine::send::stream_config default_config(
    std::size_t max_packet_size = engine::send::stream_config::default_max_packet_size);

/// Each fills in the endpoints of its options.
/// \throw std::invalid_argument, std::system_error, spead2::resolve_error as the engine's transports
[[nodiscard]] SPEAD2_GR_API transport
udp(const endpoint_list& endpoints, engine::send::udp_options options = {},
    const engine::send::stream_config& config = default_config());

/// One endpoint. Connects at once.
[[nodiscard]] SPEAD2_GR_API transport
tcp(const endpoint_list& endpoints, engine::send::tcp_options options = {},
    const engine::send::stream_config& config = default_config(tcp_packet_size));

/// IPv4 multicast, past the kernel. \a options names the interface.
[[nodiscard]] SPEAD2_GR_API transport
ibv(const endpoint_list& endpoints, engine::send::udp_ibv_options options,
    const engine::send::stream_config& config = default_config());

}  // namespace gr::spead2
