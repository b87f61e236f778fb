// SPDX-License-Identifier: Apache-2.0
#include "udp_connection.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace spead2::send::detail {

udp_connection::udp_connection(const unique_fd& fd, bool possible) noexcept
    : fd_(fd.get()), possible_(possible) {}

void udp_connection::look(const endpoint& to) noexcept {
    const clock::time_point now = clock::now();
    const bool busy = now - looked_ < interval;
    looked_ = now;
    turns_left_ = turns;
    if (made_ && busy && now - made_at_ < interval) return;
    end();
    // (Multicast goes by the interface that was asked for, which costs no look at routes.)
    if (!busy || to.is_multicast() || ::connect(fd_, to.address(), to.length()) != 0) return;
    made_ = true;
    made_at_ = now;
}

bool udp_connection::end() noexcept {
    if (!made_) return false;
    made_ = false;
    sockaddr_in6 before{};
    sockaddr_in6 after{};
    socklen_t length = sizeof before;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&before), &length);
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    static_cast<void>(::connect(fd_, &nobody, sizeof nobody));
    // The source address is free again, unless somebody had asked for it. So is the port, which is to
    // stay (and does without this from the second time on).
    length = sizeof after;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&after), &length);
    if (after.sin6_port != 0) return true;
    after.sin6_port = before.sin6_port;
    static_cast<void>(!::bind(fd_, reinterpret_cast<sockaddr*>(&after), length));
    return true;
}

}  // namespace spead2::send::detail
