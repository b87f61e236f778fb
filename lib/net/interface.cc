// SPDX-License-Identifier: Apache-2.0
#include "interface.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>

#include <spead2/base/errors.h>

#include "net/socket.h"

namespace spead2 {
namespace {

[[nodiscard]] socket_setup_error setup_error(int error, const std::string& what) {
    return {error, std::generic_category(), what};
}

/// The addresses of all interfaces; \a visit returns true to stop.
template <typename Visit>
void for_each_address(int family, Visit visit) {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) throw setup_error(errno, "cannot list the network interfaces");
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
    for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
        if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != family) continue;
        const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        if (visit(std::string(i->ifa_name), endpoint(i->ifa_addr, length))) return;
    }
}

[[nodiscard]] const in6_addr& v6(const endpoint& e) {
    return reinterpret_cast<const sockaddr_in6*>(e.address())->sin6_addr;
}

[[nodiscard]] bool same_address(const endpoint& a, const endpoint& b) {
    if (a.family() != b.family()) return false;
    if (a.family() == AF_INET6) return IN6_ARE_ADDR_EQUAL(&v6(a), &v6(b));
    return ipv4_of(a).address.s_addr == ipv4_of(b).address.s_addr;
}

[[nodiscard]] network_interface with_name(std::string name) {
    network_interface found;
    found.name = std::move(name);
    const unique_fd any = make_socket(AF_INET, SOCK_DGRAM, 0);
    ifreq request{};
    std::copy_n(found.name.begin(), std::min<std::size_t>(found.name.size(), IFNAMSIZ - 1),
                request.ifr_name);
    if (::ioctl(any.get(), SIOCGIFINDEX, &request) != 0)
        throw setup_error(errno, "network interface " + found.name + " cannot be looked up");
    found.index = static_cast<unsigned>(request.ifr_ifindex);
    if (::ioctl(any.get(), SIOCGIFHWADDR, &request) == 0)
        std::memcpy(found.mac.data(), request.ifr_hwaddr.sa_data, found.mac.size());
    if (::ioctl(any.get(), SIOCGIFMTU, &request) == 0) found.mtu = request.ifr_mtu;
    return found;
}

[[nodiscard]] endpoint resolve(const std::string& text, int family) {
    try {
        return endpoint::resolve(text, 0, family);
    } catch (const resolve_error& error) {
        throw resolve_error(std::string(error.what()) + ", and no network interface has this name");
    }
}

}  // namespace

bool network_interface::is_name(const std::string& text) {
    // A colon, in the labels of additional IPv4 addresses only, would be cut off.
    if (!text.empty() && text.size() < IF_NAMESIZE && text.find(':') == std::string::npos &&
        text.find('\0') == std::string::npos)
        return ::if_nametoindex(text.c_str()) != 0;
    bool found = false;
    for_each_address(
        AF_INET, [&](const std::string& name, const endpoint&) { return found = name == text; });
    return found;
}

network_interface network_interface::find(const std::string& text, int family) {
    return is_name(text) ? with_name(text) : with_address(resolve(text, family));
}

network_interface network_interface::with_address(const endpoint& address) {
    std::optional<std::string> found;
    for_each_address(address.family(), [&](const std::string& name, const endpoint& has) {
        if (same_address(address, has)) found = name;
        return found.has_value();
    });
    if (!found) {
        std::string text = address.to_string();
        text.resize(text.rfind(':'));
        throw setup_error(EADDRNOTAVAIL, "no network interface has the address " + text);
    }
    return with_name(*found);
}

network_interface network_interface::with_address(const in_addr& address) {
    sockaddr_in full{};
    full.sin_family = AF_INET;
    full.sin_addr = address;
    return with_address(endpoint(reinterpret_cast<const sockaddr*>(&full), sizeof full));
}

endpoint network_interface::local_address(const std::string& text, int family) {
    if (!is_name(text)) return resolve(text, family);
    std::optional<endpoint> found;
    for_each_address(family, [&](const std::string& name, const endpoint& has) {
        if (name != text) return false;
        const bool wide = family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&v6(has));
        if (!found || wide) found = has;
        return wide;
    });
    if (!found)
        throw setup_error(EADDRNOTAVAIL, "network interface " + text + " has no IPv" +
                                             (family == AF_INET6 ? "6" : "4") + " address");
    return *found;
}

in_addr network_interface::ipv4_address(const std::string& text, const char* purpose) {
    if (text.empty())
        throw std::invalid_argument(
            std::string("interface address has not been specified: give the interface to ") +
            purpose + ", by its name or its IPv4 address");
    try {
        return ipv4_of(local_address(text, AF_INET)).address;
    } catch (const resolve_error&) {
        const endpoint other = endpoint::resolve(text, 0);
        if (other.family() == AF_INET) return ipv4_of(other).address;
    }
    throw std::invalid_argument("interface address is not an IPv4 address: " + text);
}

}  // namespace spead2
