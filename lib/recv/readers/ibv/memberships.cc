// SPDX-License-Identifier: Apache-2.0
#include "memberships.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

namespace spead2::recv::detail {

void memberships::join(const std::vector<endpoint>& endpoints, const in_addr& interface) {
    std::vector<unique_fd> sockets;
    std::vector<std::uint32_t> joined;
    for (const endpoint& e : endpoints) {
        if (!e.is_multicast()) continue;
        ip_mreq request{};
        request.imr_multiaddr = reinterpret_cast<const sockaddr_in*>(e.address())->sin_addr;
        request.imr_interface = interface;
        const std::uint32_t group = request.imr_multiaddr.s_addr;
        if (std::find(joined.begin(), joined.end(), group) != joined.end()) continue;
        joined.push_back(group);
        // A socket has room for few groups (net.ipv4.igmp_max_memberships).
        if (!sockets.empty() && ::setsockopt(sockets.back().get(), IPPROTO_IP, IP_ADD_MEMBERSHIP,
                                             &request, sizeof request) == 0)
            continue;
        sockets.push_back(make_socket(AF_INET, SOCK_DGRAM, 0));
        set_option(sockets.back(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request,
                   "membership of " + e.to_string());
    }
    sockets_ = std::move(sockets);
}

}  // namespace spead2::recv::detail
