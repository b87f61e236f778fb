// SPDX-License-Identifier: Apache-2.0
// Multicast groups that the host is a member of on an interface, so that the network sends them here.
#pragma once

#include <netinet/in.h>

#include <vector>

#include <spead2/net/endpoint.h>

#include "net/socket.h"

namespace spead2::recv::detail {

class memberships {
public:
    /// Join the groups among \a endpoints, each once. \throw std::system_error
    void join(const std::vector<endpoint>& endpoints, const in_addr& interface);
    void leave() noexcept { sockets_.clear(); }

private:
    std::vector<unique_fd> sockets_;  ///< they receive nothing
};

}  // namespace spead2::recv::detail
