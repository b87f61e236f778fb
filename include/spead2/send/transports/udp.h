// SPDX-License-Identifier: Apache-2.0
// UDP over the kernel's sockets, with segmentation offload where the kernel and the device have it.
#pragma once

#include <cstdint>
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
#include <spead2/wire/limits.h>

namespace spead2::send {

/// What a UDP transport is made from. One substream an endpoint; all of one address family.
struct udp_options {
    static constexpr std::size_t default_buffer_size = 512 * 1024;

    std::vector<endpoint> endpoints;
    std::size_t buffer_size = default_buffer_size;
    std::optional<int> ttl;
    std::string interface_address;
    std::optional<unsigned> interface_index;
    int dscp = 0;
    /// A UDP socket to use as it is, in place of a new one (duplicated; must not be connected).
    /// buffer_size, ttl and the interface then have no effect.
    std::optional<int> socket;

    static constexpr auto arguments() {
        return std::tuple{argument("endpoints", &udp_options::endpoints,
                                   "Where the packets go to, one substream each.")};
    }
    static constexpr auto options() {
        using self = udp_options;
        return std::tuple{
            option("buffer_size", &self::buffer_size,
                   "Bytes of socket buffer; 0: the system's. A warning is logged if it cannot be "
                   "had."),
            option(
                "ttl", &self::ttl, between(0, 255),
                "Hops that multicast packets may make, 0 to 255. With it, every endpoint must be "
                "multicast."),
            option("interface_address", &self::interface_address,
                   "The interface by its name (\"eth0\") or by an address of it: where the address "
                   "to send from is taken from; with `ttl` the interface for multicast."),
            option("interface_index", &self::interface_index,
                   "Number of the interface for multicast (IPv6, with `ttl`)."),
            dscp_option<self>(),
        };
    }
};

class udp_transport final : public transport {
public:
    using options_type = udp_options;
    static constexpr transport_info info{
        .name = "udp",
        .stream = "UdpStream",
        .label = "UDP",
        .text = "Stream over UDP, unicast or multicast, IPv4 or IPv6. One substream an endpoint.",
        .largest_packet = max_udp_payload};

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
    [[nodiscard]] std::size_t whole_below() const noexcept override;
    [[nodiscard]] std::size_t packets_together(std::size_t packet_size) const noexcept override;
    [[nodiscard]] std::string describe() const override;
    [[nodiscard]] std::string explain(const std::error_code& error,
                                      std::size_t substream) const override;

    /// Whether a substream's packets could go there instead; from any thread.
    /// \throw std::invalid_argument  no such substream; an endpoint of another address family, of port
    ///                               0, or not multicast where ttl asks for that
    void check_destination(std::size_t substream, const endpoint& to) const;
    /// Send the packets of a substream there from now on. As checked; by whoever drives the stream
    /// (stream::call_in_turn()).
    void set_destination(std::size_t substream, const endpoint& to) noexcept;

    /// Whether segmentation offload is in use now.
    [[nodiscard]] bool segmentation_offload() const noexcept;
    /// Turn it off, for comparison and tests. Before the first packet.
    void disable_segmentation_offload() noexcept;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace spead2::send
