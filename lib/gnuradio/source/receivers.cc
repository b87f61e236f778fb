// SPDX-License-Identifier: GPL-3.0-or-later
#include <gnuradio/spead2/receivers.h>

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>

#include <spead2/net/endpoint.h>
#include <spead2/runtime/thread_pool.h>

namespace gr::spead2 {
namespace {

engine::endpoint local_endpoint(const std::string& host, int port) {
    return engine::endpoint::resolve(host.empty() ? "0.0.0.0" : host, port);
}

/// Groups of IPv6 are joined by the index of an interface.
unsigned interface_index(const std::string& name_or_address) {
    if (const unsigned index = ::if_nametoindex(name_or_address.c_str())) return index;
    const engine::endpoint wanted = engine::endpoint::resolve(name_or_address, 0, AF_INET6);
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) all = nullptr;
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, &::freeifaddrs);
    for (const ifaddrs* i = all; i != nullptr; i = i->ifa_next) {
        if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET6) continue;
        sockaddr_in6 here{};
        sockaddr_in6 there{};
        std::memcpy(&here, i->ifa_addr, sizeof here);
        std::memcpy(&there, wanted.address(), sizeof there);
        if (std::memcmp(&here.sin6_addr, &there.sin6_addr, sizeof here.sin6_addr) == 0)
            return ::if_nametoindex(i->ifa_name);
    }
    throw std::invalid_argument("interface_address is '" + name_or_address +
                                "', but no interface has this name or address");
}

template <typename Reader, typename Options>
receiver open(const Options& options, const engine::recv::stream_config& config,
              const engine::recv::ring_stream_config& ring) {
    auto stream = std::make_shared<engine::recv::ring_stream>(
        std::make_shared<engine::thread_pool>(), config, ring);
    stream->add_reader<Reader>(options);
    return stream;
}

}  // namespace

engine::recv::stream_config default_receive_config() {
    return engine::recv::stream_config().set_allow_out_of_order(true);
}

engine::recv::ring_stream_config default_ring_config() {
    return engine::recv::ring_stream_config().set_heaps(ring_heaps);
}

receiver udp_receiver(const std::string& host, int port, engine::recv::udp_reader_options options,
                      const engine::recv::stream_config& config,
                      const engine::recv::ring_stream_config& ring) {
    options.address = local_endpoint(host, port);
    if (options.address.family() == AF_INET6 && options.address.is_multicast() &&
        !options.interface_address.empty()) {
        options.interface_index = interface_index(options.interface_address);
        options.interface_address.clear();
    }
    return open<engine::recv::udp_reader>(options, config, ring);
}

receiver tcp_receiver(const std::string& host, int port, engine::recv::tcp_reader_options options,
                      const engine::recv::stream_config& config,
                      const engine::recv::ring_stream_config& ring) {
    options.address = local_endpoint(host, port);
    return open<engine::recv::tcp_reader>(options, config, ring);
}

receiver ibv_receiver(const std::string& host, int port,
                      engine::recv::udp_ibv_reader_options options,
                      const engine::recv::stream_config& config,
                      const engine::recv::ring_stream_config& ring) {
    options.endpoints = {engine::endpoint::resolve(host, port, AF_INET)};
    return open<engine::recv::udp_ibv_reader>(options, config, ring);
}

receiver pcap_receiver(const std::string& filename, engine::recv::pcap_reader_options options,
                       const engine::recv::stream_config& config,
                       const engine::recv::ring_stream_config& ring) {
    options.filename = filename;
    return open<engine::recv::pcap_reader>(options, config, ring);
}

}  // namespace gr::spead2
