// SPDX-License-Identifier: Apache-2.0
// Makes a TCP connection to whichever address of a peer answers first. A name may stand for several
// (`localhost` is ::1 and 127.0.0.1 on most systems), and some of them may be refused or silent.
//
// Contract: advance() is called until it says connected or failed; it blocks at most as long as it
// is told. Attempts start in the order of the addresses, the next one when those before have failed
// or after a quarter of a second (RFC 8305), and run side by side.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include <spead2/net/endpoint.h>

#include "net/socket.h"

namespace spead2 {

class connector {
public:
    /// A socket to connect with, non-blocking and set up.
    using socket_maker = std::function<unique_fd(const endpoint& to)>;

    connector(std::vector<endpoint> addresses, socket_maker make)
        : addresses_(std::move(addresses)), make_(std::move(make)) {}

    enum class state : std::uint8_t { connecting, connected, failed };
    /// \throw what the socket maker throws
    [[nodiscard]] state advance(std::chrono::milliseconds patience);

    /// Once connected: the socket, and who is at its other end.
    [[nodiscard]] unique_fd take() noexcept { return std::move(connected_); }
    [[nodiscard]] const endpoint& peer() const noexcept { return peer_; }
    /// Once failed: the error of the first address, and a text with those of all.
    [[nodiscard]] const std::error_code& error() const noexcept { return error_; }
    [[nodiscard]] const std::string& failures() const noexcept { return failures_; }

private:
    struct attempt {
        unique_fd fd;
        endpoint to;
    };
    using clock = std::chrono::steady_clock;

    [[nodiscard]] bool start();
    void failed(const endpoint& to, int error);

    std::vector<endpoint> addresses_;
    socket_maker make_;
    std::size_t next_ = 0;
    clock::time_point next_start_{};
    std::vector<attempt> attempts_;
    unique_fd connected_{-1};
    endpoint peer_;
    std::error_code error_;
    std::string failures_;
};

}  // namespace spead2
