// SPDX-License-Identifier: Apache-2.0
#include <spead2/net/endpoint.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>

#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <spead2/base/errors.h>
#include <spead2/wire/limits.h>

namespace spead2 {

endpoint::endpoint() noexcept : storage_{} { storage_.v4.sin_family = AF_INET; }

endpoint::endpoint(const sockaddr* address, socklen_t length) : storage_{} {
    const int family = address->sa_family;
    const std::size_t size = family == AF_INET    ? sizeof storage_.v4
                             : family == AF_INET6 ? sizeof storage_.v6
                                                  : 0;
    if (size == 0)
        throw std::invalid_argument("address family is " + std::to_string(family) +
                                    ", but must be IPv4 or IPv6");
    if (length < size)
        throw std::invalid_argument("address has " + std::to_string(length) +
                                    " bytes, but its family needs " + std::to_string(size));
    std::memcpy(&storage_, address, size);
}

endpoint endpoint::resolve(const std::string& host, int port, int family) {
    if (port < 0 || port > max_port)
        throw std::invalid_argument("port is " + std::to_string(port) + ", but must be from 0 to " +
                                    std::to_string(max_port));
    // The C functions would silently look up what stands before it.
    if (host.find('\0') != std::string::npos)
        throw std::invalid_argument("host has a NUL character: '" +
                                    host.substr(0, host.find('\0')) + "\\0...'");
    addrinfo hints{};
    hints.ai_family = family;
    hints.ai_socktype = SOCK_DGRAM;  // each address once; both kinds of socket have the same ones
    // With a port number the look-up of an empty name gives this machine.
    const std::string service = std::to_string(port);
    addrinfo* found = nullptr;
    const int error =
        ::getaddrinfo(host.empty() ? nullptr : host.c_str(), service.c_str(), &hints, &found);
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, [](addrinfo* list) {
        if (list != nullptr) ::freeaddrinfo(list);
    });
    if (error != 0)
        throw resolve_error("Host not found: '" + host + "' (" + ::gai_strerror(error) + ")");
    for (const addrinfo* a = found; a != nullptr; a = a->ai_next)
        if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
            return endpoint(a->ai_addr, a->ai_addrlen);
    throw resolve_error("Host not found: '" + host + "' has no IPv4 or IPv6 address");
}

socklen_t endpoint::length() const noexcept {
    return family() == AF_INET6 ? sizeof storage_.v6 : sizeof storage_.v4;
}

std::uint16_t endpoint::port() const noexcept {
    return ntohs(family() == AF_INET6 ? storage_.v6.sin6_port : storage_.v4.sin_port);
}

void endpoint::set_port(std::uint16_t port) noexcept {
    (family() == AF_INET6 ? storage_.v6.sin6_port : storage_.v4.sin_port) = htons(port);
}

bool endpoint::is_multicast() const noexcept {
    return family() == AF_INET6 ? IN6_IS_ADDR_MULTICAST(&storage_.v6.sin6_addr)
                                : IN_MULTICAST(ntohl(storage_.v4.sin_addr.s_addr));
}

std::string endpoint::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (family() != AF_INET6) {
        ::inet_ntop(AF_INET, &storage_.v4.sin_addr, text.data(), text.size());
        return std::string(text.data()) + ":" + std::to_string(port());
    }
    ::inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text.data(), text.size());
    std::string result = "[";
    result += text.data();
    if (storage_.v6.sin6_scope_id != 0) {
        std::array<char, IF_NAMESIZE> zone{};
        result += '%';
        result += ::if_indextoname(storage_.v6.sin6_scope_id, zone.data()) != nullptr
                      ? std::string(zone.data())
                      : std::to_string(storage_.v6.sin6_scope_id);
    }
    return result + "]:" + std::to_string(port());
}

std::vector<endpoint> resolve_all(const std::vector<std::pair<std::string, int>>& hosts) {
    std::vector<endpoint> endpoints;
    endpoints.reserve(hosts.size());
    for (const auto& [host, port] : hosts) endpoints.push_back(endpoint::resolve(host, port));
    return endpoints;
}

}  // namespace spead2
