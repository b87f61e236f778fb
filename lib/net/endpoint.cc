// SPDX-License-Identifier: Apache-2.0
#include <spead2/net/endpoint.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <spead2/base/errors.h>
#include <spead2/base/log.h>
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

std::vector<endpoint> resolve_every(const std::string& host, int port, int family) {
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
    std::vector<endpoint> all;
    for (const addrinfo* a = found; a != nullptr; a = a->ai_next)
        if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
            all.emplace_back(a->ai_addr, a->ai_addrlen);
    if (all.empty())
        throw resolve_error("Host not found: '" + host + "' has no IPv4 or IPv6 address");
    return all;
}

endpoint endpoint::resolve(const std::string& host, int port, int family) {
    return resolve_every(host, port, family).front();
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

namespace {

[[nodiscard]] auto first_of(const std::vector<endpoint>& addresses, int family) {
    return std::find_if(addresses.begin(), addresses.end(),
                        [family](const endpoint& e) { return e.family() == family; });
}

[[nodiscard]] bool has_both(const std::vector<endpoint>& addresses) {
    return first_of(addresses, AF_INET) != addresses.end() &&
           first_of(addresses, AF_INET6) != addresses.end();
}

}  // namespace

std::vector<endpoint> resolve_all(const std::vector<std::pair<std::string, int>>& hosts) {
    std::vector<std::vector<endpoint>> found;
    found.reserve(hosts.size());
    for (const auto& [host, port] : hosts) found.push_back(resolve_every(host, port));
    if (found.empty()) return {};

    const auto all_have = [&found](int family) {
        return std::all_of(found.begin(), found.end(), [family](const auto& addresses) {
            return first_of(addresses, family) != addresses.end();
        });
    };
    // What the system prefers, if all can have it.
    int family = found.front().front().family();
    const int other = family == AF_INET ? AF_INET6 : AF_INET;
    if (!all_have(family) && all_have(other)) family = other;

    std::vector<endpoint> endpoints;
    endpoints.reserve(hosts.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        auto chosen = first_of(found[i], family);
        if (chosen == found[i].end()) chosen = found[i].begin();  // refused later, if it matters
        endpoints.push_back(*chosen);
        if (has_both(found[i]))
            log_message(log_level::warning, "host " + hosts[i].first +
                                                " has addresses of IPv4 and of IPv6: sending to " +
                                                chosen->to_string() +
                                                "; give an address to choose another");
    }
    return endpoints;
}

}  // namespace spead2
