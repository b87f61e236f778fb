// SPDX-License-Identifier: Apache-2.0
#include "socket_setup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <limits>
#include <system_error>

#include <spead2/base/errors.h>
#include <spead2/base/log.h>

namespace spead2::recv {

void set_receive_buffer(const unique_fd& fd, std::size_t bytes) {
    if (bytes == 0) return;
    // Linux doubles what is asked for, to allow for its own bookkeeping, and reports the double.
    const int asked = static_cast<int>(std::min<std::size_t>(
        bytes, static_cast<std::size_t>(std::numeric_limits<int>::max() / 2)));
    static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &asked, sizeof asked));
    const auto given = static_cast<std::size_t>(get_option(fd, SOL_SOCKET, SO_RCVBUF) / 2);
    if (given < bytes)
        log_message(log_level::warning,
                    "requested socket buffer size " + std::to_string(bytes) +
                        " but only received " + std::to_string(given) +
                        ": refer to documentation for details on increasing buffer size "
                        "(sysctl net.core.rmem_max)");
}

void bind_socket(const unique_fd& fd, const endpoint& address) {
    if (::bind(fd.get(), address.address(), address.length()) != 0)
        throw socket_setup_error(errno, std::generic_category(),
                                 "cannot receive at " + address.to_string());
}

void let_go(const unique_fd& fd) noexcept {
    // It cannot be waited for, which ends the wait.
    static const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0) static_cast<void>(::dup3(nothing, fd.get(), O_CLOEXEC));
}

std::string local_name(const unique_fd& fd) {
    sockaddr_storage address;
    socklen_t length = sizeof address;
    if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return "?";
    try {
        return endpoint(reinterpret_cast<const sockaddr*>(&address), length).to_string();
    } catch (const std::exception&) {
        return "?";
    }
}

}  // namespace spead2::recv
