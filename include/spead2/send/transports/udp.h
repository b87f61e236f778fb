// SPDX-License-Identifier: Apache-2.0
// UDP over the kernel's sockets, with segmentation offload where the kernel and the device have it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spead2/net/endpoint.h>
#include <spead2/send/transport.h>

namespace spead2::send {

/// What a UDP transport is made from. One substream an endpoint; all of one address family.
struct udp_options {
    static constexpr std::size_t default_buffer_size = 512 * 1024;

    std::vector<endpoint> endpoints;
    /// Bytes of socket send buffer asked for; 0: the system's. A warning is logged if it cannot be
    /// had.
    std::size_t buffer_size = default_buffer_size;
    /// Multicast hop limit, 0 to 255. If set, every endpoint must be multicast.
    std::optional<int> ttl;
    /// The interface by its name ("eth0") or an address of it. Without ttl: where the address to send
    /// from is taken from. With ttl: the interface for multicast.
    std::string interface_address;
    /// Index of the multicast interface (IPv6, with ttl).
    std::optional<unsigned> interface_index;
    /// A UDP socket to use as it is, in place of a new one (duplicated; must not be connected).
    /// buffer_size, ttl and the interface then have no effect.
    std::optional<int> socket;
};

class udp_transport final : public transport {
public:
    /// \throw std::invalid_argument  endpoints empty, of mixed families, or not multicast where
    /// that
    ///        is asked for; ttl or interface out of range; a socket of the wrong kind
    /// \throw resolve_error          interface_address cannot be resolved
    /// \throw std::system_error      the operating system refuses
    explicit udp_transport(const udp_options& options);
    ~udp_transport() override;

    [[nodiscard]] std::size_t num_substreams() const noexcept override;
    [[nodiscard]] send_result send(packet_span packets) noexcept override;
    [[nodiscard]] int wait_fd() const noexcept override;
    [[nodiscard]] std::string describe() const override;
    [[nodiscard]] std::string explain(const std::error_code& error,
                                      std::size_t substream) const override;

    /// Whether segmentation offload is in use now.
    [[nodiscard]] bool segmentation_offload() const noexcept;
    /// Turn it off, for comparison and tests. Before the first packet.
    void disable_segmentation_offload() noexcept;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace spead2::send
