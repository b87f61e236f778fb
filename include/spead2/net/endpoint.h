// SPDX-License-Identifier: Apache-2.0
// Internet addresses with a port, and the look-up of names. Used by the transports that have
// sockets.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

namespace spead2 {

/// An IPv4 or IPv6 address and port, as the socket calls take it.
class endpoint {
public:
    endpoint() noexcept;
    /// \throw std::invalid_argument for a family other than AF_INET and AF_INET6
    explicit endpoint(const sockaddr* address, socklen_t length);
    /// Look up \a host (name or numeric address, with %zone for IPv6).
    /// \param family  AF_UNSPEC, AF_INET or AF_INET6
    /// \throw resolve_error ("Host not found ..."); std::invalid_argument for a port not in
    /// 0..65535
    static endpoint resolve(const std::string& host, int port, int family = AF_UNSPEC);

    [[nodiscard]] const sockaddr* address() const noexcept {
        return reinterpret_cast<const sockaddr*>(&storage_);
    }
    [[nodiscard]] socklen_t length() const noexcept;
    [[nodiscard]] int family() const noexcept { return storage_.any.sa_family; }
    [[nodiscard]] std::uint16_t port() const noexcept;
    void set_port(std::uint16_t port) noexcept;
    [[nodiscard]] bool is_multicast() const noexcept;
    /// "127.0.0.1:8888", "[::1]:8888"
    [[nodiscard]] std::string to_string() const;

private:
    union {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    } storage_;
};

/// All addresses that a host name stands for, in the order in which to try them.
/// \throw as endpoint::resolve()
[[nodiscard]] std::vector<endpoint> resolve_every(const std::string& host, int port,
                                                  int family = AF_UNSPEC);

/// Look up each of a list of (host, port). Names that stand for addresses of both families get that
/// which all can have, and a message in the log says which address it is.
/// \throw as endpoint::resolve()
[[nodiscard]] std::vector<endpoint> resolve_all(
    const std::vector<std::pair<std::string, int>>& hosts);

}  // namespace spead2
