// SPDX-License-Identifier: Apache-2.0
#include "udp_socket.h"

#include <netinet/in.h>

#include <cstring>
#include <stdexcept>
#include <string>

#include <spead2/base/log.h>

#include "net/interface.h"

namespace spead2::send::detail {
namespace {

void check_endpoints(const udp_options& options) {
    if (options.endpoints.empty())
        throw std::invalid_argument("endpoints is empty, but needs at least one");
    const endpoint& first = options.endpoints.front();
    for (const endpoint& e : options.endpoints) {
        check_endpoint(e, first, options.ttl && !options.socket);
        if (e.port() == 0)
            log_message(log_level::warning,
                        "endpoint " + e.to_string() + " has port 0, to which nothing can be sent");
    }
}

void check_multicast(const udp_options& options) {
    const bool v6 = options.endpoints.front().family() == AF_INET6;
    if (options.interface_index) {
        const std::string index = "interface_index " + std::to_string(*options.interface_index);
        if (!options.ttl)
            throw std::invalid_argument(index + " is given without ttl, but is for multicast only");
        if (!v6)
            throw std::invalid_argument(index + " is for IPv6 multicast only, but endpoint " +
                                        options.endpoints.front().to_string() +
                                        " is not an IPv6 multicast address: give an "
                                        "interface_address");
    }
    const std::string address = "interface_address '" + options.interface_address + "'";
    if (options.ttl && !v6 && options.interface_address.find(':') != std::string::npos &&
        !network_interface::is_name(options.interface_address))
        throw std::invalid_argument(address + " is not an IPv4 address, but endpoint " +
                                    options.endpoints.front().to_string() + " is");
}

void set_multicast(const unique_fd& fd, const udp_options& options) {
    const std::string ttl = "multicast ttl " + std::to_string(*options.ttl);
    const std::string& interface = options.interface_address;
    const std::string what = "multicast interface_address '" + interface + "'";
    if (options.endpoints.front().family() == AF_INET6) {
        set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, *options.ttl, ttl);
        if (options.interface_index)
            set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF,
                       static_cast<int>(*options.interface_index),
                       "multicast interface_index " + std::to_string(*options.interface_index));
        else if (!interface.empty())
            set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF,
                       static_cast<int>(network_interface::find(interface, AF_INET6).index), what);
        return;
    }
    set_option(fd, IPPROTO_IP, IP_MULTICAST_TTL, *options.ttl, ttl);
    if (interface.empty()) return;
    ip_mreqn request{};
    if (network_interface::is_name(interface)) {
        request.imr_ifindex = static_cast<int>(network_interface::find(interface, AF_INET).index);
    } else {
        const endpoint local = network_interface::local_address(interface, AF_INET);
        request.imr_address = reinterpret_cast<const sockaddr_in*>(local.address())->sin_addr;
    }
    set_option(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request, what);
}

[[nodiscard]] unique_fd duplicate(const udp_options& options) {
    unique_fd fd = duplicate_socket(*options.socket, SOCK_DGRAM, IPPROTO_UDP);
    if (get_option(fd, SOL_SOCKET, SO_DOMAIN) != options.endpoints.front().family())
        throw std::invalid_argument("endpoint " + options.endpoints.front().to_string() +
                                    " is not of the address family of socket " +
                                    std::to_string(*options.socket));
    sockaddr_storage peer;
    socklen_t length = sizeof peer;
    if (::getpeername(fd.get(), reinterpret_cast<sockaddr*>(&peer), &length) == 0)
        throw std::invalid_argument("socket " + std::to_string(*options.socket) +
                                    " is connected, but must not be");
    set_dscp(fd, options.endpoints.front().family(), options.dscp);
    return fd;
}

}  // namespace

void check_endpoint(const endpoint& e, const endpoint& first, bool multicast_only) {
    if (e.family() != first.family())
        throw std::invalid_argument("endpoints are of different address families: " +
                                    first.to_string() + " and " + e.to_string());
    if (multicast_only && !e.is_multicast())
        throw std::invalid_argument("endpoint " + e.to_string() +
                                    " is not a multicast address, but ttl is for multicast only");
}

unique_fd open_udp_socket(const udp_options& options) {
    check_endpoints(options);
    check_options(options);
    if (options.socket) return duplicate(options);
    check_multicast(options);
    const int family = options.endpoints.front().family();
    unique_fd fd = make_socket(family, SOCK_DGRAM, IPPROTO_UDP);
    if (options.ttl)
        set_multicast(fd, options);
    else if (!options.interface_address.empty())
        bind_to(fd, options.interface_address, family);
    set_send_buffer(fd, options.buffer_size);
    set_dscp(fd, family, options.dscp);
    return fd;
}

}  // namespace spead2::send::detail
