// SPDX-License-Identifier: GPL-3.0-or-later
#include "streams.h"

#include <stdexcept>
#include <utility>

#include <spead2/net/endpoint.h>
#include <spead2/send/transports/tcp.h>
#include <spead2/send/transports/udp.h>
#include <spead2/send/transports/udp_ibv.h>
#include <spead2/wire/limits.h>

namespace gr::spead2 {
namespace {

template <typename Options>
::spead2::send::stream_config make_config(const Options& options) {
    ::spead2::send::stream_config config;
    config.set_max_packet_size(options.max_packet_size)
        .set_rate(options.rate)
        .set_max_heaps(options.max_heaps);
    return config;
}

/// Packets are of whole 8 bytes.
void check_datagrams(std::size_t max_packet_size) {
    if (max_packet_size / 8 * 8 > ::spead2::max_udp_payload)
        throw std::invalid_argument("max_packet_size is " + std::to_string(max_packet_size) +
                                    ", but UDP carries at most " +
                                    std::to_string(::spead2::max_udp_payload) + " bytes");
}

/// A stream with a thread of its own, which has to live as long.
struct stream_with_pool {
    stream_with_pool(const ::spead2::send::stream_config& config,
                     std::unique_ptr<::spead2::send::transport> carrier)
        : stream(pool, config, std::move(carrier)) {}

    std::shared_ptr<::spead2::thread_pool> pool = std::make_shared<::spead2::thread_pool>();
    ::spead2::send::stream stream;
};

std::shared_ptr<::spead2::send::stream> make_stream(
    const ::spead2::send::stream_config& config,
    std::unique_ptr<::spead2::send::transport> carrier) {
    auto both = std::make_shared<stream_with_pool>(config, std::move(carrier));
    return {both, &both->stream};
}

}  // namespace

std::shared_ptr<::spead2::send::stream> make_udp_stream(const endpoint_list& endpoints,
                                                        const udp_stream_options& options) {
    const ::spead2::send::stream_config config = make_config(options);
    check_datagrams(config.max_packet_size());
    ::spead2::send::udp_options udp;
    udp.endpoints = ::spead2::resolve_all(endpoints);
    udp.buffer_size = options.buffer_size;
    udp.ttl = options.ttl;
    udp.interface_address = options.interface_address;
    return make_stream(config, std::make_unique<::spead2::send::udp_transport>(udp));
}

std::shared_ptr<::spead2::send::stream> make_tcp_stream(const endpoint_list& endpoints,
                                                        const tcp_stream_options& options) {
    const ::spead2::send::stream_config config = make_config(options);
    ::spead2::send::tcp_options tcp;
    tcp.endpoints = ::spead2::resolve_all(endpoints);
    tcp.buffer_size = options.buffer_size;
    tcp.interface_address = options.interface_address;
    return make_stream(config, std::make_unique<::spead2::send::tcp_transport>(tcp));
}

std::shared_ptr<::spead2::send::stream> make_ibv_stream(const endpoint_list& endpoints,
                                                        const std::string& interface_address,
                                                        const ibv_stream_options& options) {
    const ::spead2::send::stream_config config = make_config(options);
    ::spead2::send::udp_ibv_options ibv;
    ibv.endpoints = ::spead2::resolve_all(endpoints);
    ibv.interface_address = interface_address;
    ibv.buffer_size = options.buffer_size;
    ibv.ttl = options.ttl;
    ibv.comp_vector = options.comp_vector;
    ibv.max_poll = options.max_poll;
    return make_stream(
        config, std::make_unique<::spead2::send::udp_ibv_transport>(ibv, config.max_packet_size()));
}

}  // namespace gr::spead2
