// SPDX-License-Identifier: Apache-2.0
#include "socket.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <stdexcept>
#include <system_error>

#include <spead2/base/errors.h>
#include <spead2/base/log.h>
#include <spead2/net/traffic_class.h>

#include "net/interface.h"

namespace spead2 {
namespace {

[[nodiscard]] std::system_error last_error(const std::string& what) {
    return {errno, std::generic_category(), what};
}

[[nodiscard]] socket_setup_error last_setup_error(const std::string& what) {
    return {errno, std::generic_category(), what};
}

}  // namespace

unique_fd make_socket(int family, int type, int protocol) {
    unique_fd fd(::socket(family, type | SOCK_CLOEXEC, protocol));
    if (fd.get() < 0) throw last_error("cannot make a socket");
    return fd;
}

unique_fd duplicate_socket(int fd, int type, int protocol) {
    unique_fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (copy.get() < 0) throw last_error("cannot duplicate descriptor " + std::to_string(fd));
    const char* const wanted = protocol == IPPROTO_TCP ? "TCP" : "UDP";
    const int family = get_option(copy, SOL_SOCKET, SO_DOMAIN);
    if (family < 0)
        throw std::invalid_argument("descriptor " + std::to_string(fd) +
                                    " is not a socket, but a " + wanted + " socket is needed");
    if ((family != AF_INET && family != AF_INET6) ||
        get_option(copy, SOL_SOCKET, SO_TYPE) != type ||
        get_option(copy, SOL_SOCKET, SO_PROTOCOL) != protocol)
        throw std::invalid_argument("socket " + std::to_string(fd) + " is not a " + wanted +
                                    " socket over IPv4 or IPv6, but must be");
    return copy;
}

void set_option(const unique_fd& fd, int level, int name, const void* value, socklen_t length,
                const std::string& what) {
    if (::setsockopt(fd.get(), level, name, value, length) != 0)
        throw last_setup_error("cannot set " + what);
}

void set_option(const unique_fd& fd, int level, int name, int value, const std::string& what) {
    set_option(fd, level, name, &value, sizeof value, what);
}

int get_option(const unique_fd& fd, int level, int name) noexcept {
    int value = 0;
    socklen_t length = sizeof value;
    return ::getsockopt(fd.get(), level, name, &value, &length) == 0 ? value : -1;
}

void set_send_buffer(const unique_fd& fd, std::size_t bytes) {
    if (bytes == 0) return;
    // Linux doubles what is asked for, to allow for its own bookkeeping, and reports the double.
    const int asked = static_cast<int>(std::min<std::size_t>(
        bytes, static_cast<std::size_t>(std::numeric_limits<int>::max() / 2)));
    static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &asked, sizeof asked));
    const auto given = static_cast<std::size_t>(get_option(fd, SOL_SOCKET, SO_SNDBUF) / 2);
    if (given < bytes)
        log_message(log_level::warning,
                    "asked for a socket send buffer of " + std::to_string(bytes) +
                        " bytes, but the system gives only " + std::to_string(given) +
                        ": raise its limit (sysctl net.core.wmem_max) or ask for less");
}

void set_dscp(const unique_fd& fd, int family, int dscp) {
    if (dscp == 0) return;
    const std::string what = "dscp " + std::to_string(dscp);
    if (family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, traffic_class(dscp), what);
    else
        set_option(fd, IPPROTO_IP, IP_TOS, traffic_class(dscp), what);
}

void bind_to(const unique_fd& fd, const std::string& interface_address, int family) {
    const endpoint local = network_interface::local_address(interface_address, family);
    if (::bind(fd.get(), local.address(), local.length()) != 0)
        throw last_setup_error("cannot send from interface_address '" + interface_address + "'");
}

}  // namespace spead2
