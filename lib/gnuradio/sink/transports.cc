// SPDX-License-Identifier: GPL-3.0-or-later
#include <gnuradio/spead2/transports.h>

#include <stdexcept>
#include <utility>

#include <spead2/net/endpoint.h>
#include <spead2/wire/limits.h>

namespace gr::spead2 {
namespace {

/// Packets are of whole 8 bytes.
void check_datagrams(std::size_t max_packet_size) {
    if (max_packet_size / 8 * 8 > engine::max_udp_payload)
        throw std::invalid_argument("max_packet_size is " + std::to_string(max_packet_size) +
                                    ", but UDP carries at most " +
                                    std::to_string(engine::max_udp_payload) + " bytes");
}

/// A stream with a thread of its own, which has to live as long.
struct stream_with_pool {
    stream_with_pool(const engine::send::stream_config& config,
                     std::unique_ptr<engine::send::transport> carrier)
        : stream(pool, config, std::move(carrier)) {}

    std::shared_ptr<engine::thread_pool> pool = std::make_shared<engine::thread_pool>();
    engine::send::stream stream;
};

template <typename Carrier, typename... Arguments>
transport open(const engine::send::stream_config& config, const Arguments&... arguments) {
    auto both = std::make_shared<stream_with_pool>(config, std::make_unique<Carrier>(arguments...));
    return {both, &both->stream};
}

}  // namespace

engine::send::stream_config default_config(std::size_t max_packet_size) {
    return engine::send::stream_config()
        .set_max_packet_size(max_packet_size)
        .set_max_heaps(queue_heaps);
}

transport udp(const endpoint_list& endpoints, engine::send::udp_options options,
              const engine::send::stream_config& config) {
    check_datagrams(config.max_packet_size());
    options.endpoints = engine::resolve_all(endpoints);
    return open<engine::send::udp_transport>(config, options);
}

transport tcp(const endpoint_list& endpoints, engine::send::tcp_options options,
              const engine::send::stream_config& config) {
    if (endpoints.size() != 1)
        throw std::invalid_argument("endpoints must contain exactly one element for TCP, but has " +
                                    std::to_string(endpoints.size()));
    options.endpoints = engine::resolve_every(endpoints.front().first, endpoints.front().second);
    return open<engine::send::tcp_transport>(config, options);
}

transport ibv(const endpoint_list& endpoints, engine::send::udp_ibv_options options,
              const engine::send::stream_config& config) {
    options.endpoints = engine::resolve_all(endpoints);
    return open<engine::send::udp_ibv_transport>(config, options, config.max_packet_size());
}

}  // namespace gr::spead2
