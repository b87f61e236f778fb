// SPDX-License-Identifier: Apache-2.0
// TCP: packets one after another on a connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <spead2/base/arguments.h>
#include <spead2/base/options.h>
#include <spead2/net/endpoint.h>
#include <spead2/net/traffic_class.h>
#include <spead2/send/transport.h>
#include <spead2/send/transport_info.h>

namespace spead2::send {

struct tcp_options {
    static constexpr std::size_t default_buffer_size = 208 * 1024;

    /// Addresses of one peer, at least one unless a socket is given. The first that answers is
    /// taken: each is tried when those before are refused or have not answered for 250 ms.
    std::vector<endpoint> endpoints;
    std::size_t buffer_size = default_buffer_size;
    std::string interface_address;
    std::optional<int> socket;  ///< a connected stream socket to use (duplicated)
    double reconnect = 0.0;
    int dscp = 0;

    static constexpr auto arguments() {
        return std::tuple{
            argument("endpoints", &tcp_options::endpoints, "Where to connect to; exactly one.")};
    }
    static constexpr auto options() {
        using self = tcp_options;
        return std::tuple{
            option("buffer_size", &self::buffer_size,
                   "Bytes of socket buffer; 0: the system's. A warning is logged if it cannot be "
                   "had."),
            option(
                "interface_address", &self::interface_address,
                "Local address to connect from, or the name of the interface that has it; empty: "
                "any."),
            option("reconnect", &self::reconnect, between(0.0, 1e6),
                   "Seconds for which to try to connect again when the connection is lost; 0: not "
                   "at all. Needs an endpoint."),
            dscp_option<self>(),
        };
    }
};

/// Substreams: one. What a lost connection has not delivered is lost, and the packet at which that is
/// seen fails with what broke it. Without tcp_options::reconnect, or when that is over, so does every
/// packet after it; with it, they wait for a new connection.
class tcp_transport final : public transport {
public:
    using options_type = tcp_options;
    static constexpr transport_info info{.name = "tcp",
                                         .stream = "TcpStream",
                                         .label = "TCP",
                                         .text = "Stream over TCP.",
                                         .packet_size = 65536,
                                         .one_endpoint = true};

    /// Connects and waits until connected. \a interrupted is asked now and then and after signals;
    /// true (or an exception) gives up (std::system_error EINTR).
    /// \throw std::invalid_argument  no endpoint; a socket of the wrong kind; reconnect is out of
    ///                               range or given with a socket
    /// \throw resolve_error          interface_address cannot be resolved
    /// \throw std::system_error      refused, unreachable, ...
    explicit tcp_transport(const tcp_options& options,
                           const std::function<bool()>& interrupted = {});
    ~tcp_transport() override;

    [[nodiscard]] std::size_t num_substreams() const noexcept override { return 1; }
    [[nodiscard]] send_result send(packet_span packets) noexcept override;
    [[nodiscard]] int wait_fd() const noexcept override;
    [[nodiscard]] std::string describe() const override;

    /// How often the connection was lost and made again. From any thread.
    [[nodiscard]] std::uint64_t reconnections() const noexcept;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace spead2::send
