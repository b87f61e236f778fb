// SPDX-License-Identifier: Apache-2.0
// TCP: packets one after another on a connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spead2/net/endpoint.h>
#include <spead2/send/transport.h>

namespace spead2::send {

struct tcp_options {
    static constexpr std::size_t default_buffer_size = 208 * 1024;

    std::vector<endpoint> endpoints;                ///< exactly one, unless a socket is given
    std::size_t buffer_size = default_buffer_size;  ///< bytes; 0: the system's
    std::string interface_address;                  ///< local address to connect from; empty: any
    std::optional<int> socket;  ///< a connected stream socket to use (duplicated)
};

/// Substreams: one. After a failure of the connection every packet fails with the same error.
class tcp_transport final : public transport {
public:
    /// Connects and waits until connected. \a interrupted is asked now and then and after signals;
    /// true (or an exception) gives up (std::system_error EINTR).
    /// \throw std::invalid_argument  not exactly one endpoint; a socket of the wrong kind
    /// \throw resolve_error          interface_address cannot be resolved
    /// \throw std::system_error      refused, unreachable, ...
    explicit tcp_transport(const tcp_options& options,
                           const std::function<bool()>& interrupted = {});
    ~tcp_transport() override;

    [[nodiscard]] std::size_t num_substreams() const noexcept override { return 1; }
    [[nodiscard]] send_result send(packet_span packets) noexcept override;
    [[nodiscard]] int wait_fd() const noexcept override;
    [[nodiscard]] std::string describe() const override;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace spead2::send
