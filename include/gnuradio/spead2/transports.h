// SPDX-License-Identifier: GPL-3.0-or-later
// What sinks go over: open_transport() makes a stream, with a thread of its own, that one sink or
// several send on, over any transport of the engine's table that goes to endpoints. Options, names
// and limits are the engine's.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gnuradio/spead2/api.h>

#include <spead2/net/endpoint.h>
#include <spead2/send/config.h>
#include <spead2/send/stream.h>
#include <spead2/send/transports/table.h>

namespace gr::spead2 {

/// (host, port) of each substream.
using endpoint_list = std::vector<std::pair<std::string, int>>;
using transport = std::shared_ptr<engine::send::stream>;

/// Enough heaps for several calls of a sink's general_work() while one is on its way.
inline constexpr std::size_t queue_heaps = 16;

/// The engine's defaults, but for a queue that is long enough for a flowgraph's rhythm.
[[nodiscard]] SPEAD2_GR_API engine::send::stream_config default_config(
    std::size_t max_packet_size = engine::send::stream_config::default_max_packet_size);
/// The same with packets as large as the transport of these options likes them.
template <typename Options>
[[nodiscard]] engine::send::stream_config default_config() {
    return default_config(engine::send::transport_made_from<Options>::info.packet_size);
}

/// The options of a transport by its name: options_of<"udp">.
template <engine::literal_text Name>
using options_of = engine::send::transport_named<Name>::options_type;

namespace detail {

/// Look the endpoints up, as the transport needs them. \throw std::invalid_argument if they are too
/// many, or packets too large for it
[[nodiscard]] SPEAD2_GR_API std::vector<engine::endpoint> look_up(
    const endpoint_list& endpoints, const engine::send::stream_config& config,
    const engine::send::transport_info& info);
[[nodiscard]] SPEAD2_GR_API transport make_stream(const engine::send::stream_config& config,
                                                  std::unique_ptr<engine::send::transport> carrier);

}  // namespace detail

/// Make a stream over the transport of these options, whose endpoints it fills in.
/// \throw std::invalid_argument, std::system_error, spead2::resolve_error as the engine's transports
template <typename Options>
[[nodiscard]] transport open_transport(
    const endpoint_list& endpoints, Options options,
    const engine::send::stream_config& config = default_config<Options>()) {
    using carrier = engine::send::transport_made_from<Options>;
    options.endpoints = detail::look_up(endpoints, config, carrier::info);
    return detail::make_stream(config, engine::send::make_transport<carrier>(options, config));
}

// ---- The usual ones by name

[[nodiscard]] inline transport udp(
    const endpoint_list& endpoints, const options_of<"udp">& options = {},
    const engine::send::stream_config& config = default_config<options_of<"udp">>()) {
    return open_transport(endpoints, options, config);
}

/// One endpoint. Connects at once.
[[nodiscard]] inline transport tcp(
    const endpoint_list& endpoints, const options_of<"tcp">& options = {},
    const engine::send::stream_config& config = default_config<options_of<"tcp">>()) {
    return open_transport(endpoints, options, config);
}

/// IPv4 multicast, past the kernel. \a options names the interface.
[[nodiscard]] inline transport ibv(
    const endpoint_list& endpoints, const options_of<"ibv">& options,
    const engine::send::stream_config& config = default_config<options_of<"ibv">>()) {
    return open_transport(endpoints, options, config);
}

}  // namespace gr::spead2
