// SPDX-License-Identifier: Apache-2.0
// The socket of a UDP transport: its options checked, made and set up, or the caller's.
#pragma once

#include <spead2/send/transports/udp.h>

#include "net/socket.h"

namespace spead2::send::detail {

/// \throw as udp_transport's constructor
[[nodiscard]] unique_fd open_udp_socket(const udp_options& options);

/// \param first            which it is to be of one family with
/// \param multicast_only   there is a ttl that is for multicast only
/// \throw std::invalid_argument  packets to \a e cannot go through the socket
void check_endpoint(const endpoint& e, const endpoint& first, bool multicast_only);

}  // namespace spead2::send::detail
