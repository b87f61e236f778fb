// SPDX-License-Identifier: Apache-2.0
// UDP multicast past the kernel: Ethernet frames made here and handed to a network device through
// ibverbs. The libraries are looked for when the first such transport is made, not before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <spead2/base/arguments.h>
#include <spead2/base/options.h>
#include <spead2/net/completion_options.h>
#include <spead2/net/endpoint.h>
#include <spead2/net/traffic_class.h>
#include <spead2/send/transport.h>
#include <spead2/send/transport_info.h>
#include <spead2/wire/limits.h>

namespace spead2::send {

/// Memory that is registered with the device. Payload inside it is sent without a copy.
struct ibv_memory_region {
    const void* data = nullptr;
    std::size_t length = 0;             ///< bytes, above 0
    std::shared_ptr<const void> owner;  ///< kept while the region is registered; may be null
};

/// What an ibverbs transport is made from. One substream an endpoint.
struct udp_ibv_options {
    static constexpr std::size_t default_buffer_size = 512 * 1024;
    static constexpr int default_max_poll = 10;

    std::vector<endpoint> endpoints;
    std::string interface_address;
    std::size_t buffer_size = default_buffer_size;  ///< 0: the default
    int ttl = 1;
    int comp_vector = 0;
    int max_poll = default_max_poll;
    int dscp = 0;
    std::vector<ibv_memory_region> memory_regions;  ///< must not overlap

    [[nodiscard]] std::size_t buffer_bytes() const noexcept {
        return buffer_size != 0 ? buffer_size : default_buffer_size;
    }
    void set_buffer_bytes(std::size_t bytes) noexcept { buffer_size = bytes; }

    static constexpr auto arguments() {
        using self = udp_ibv_options;
        return std::tuple{
            argument("endpoints", &self::endpoints,
                     "IPv4 multicast addresses and ports, one a substream."),
            optional_argument("memory_regions", &self::memory_regions,
                              "Memory from which payload is sent without a copy."),
        };
    }
    static constexpr auto options() {
        using self = udp_ibv_options;
        return std::tuple{
            option("interface_address", &self::interface_address,
                   "The interface to send from, by its name (\"eth0\") or its IPv4 address, or a "
                   "host name that stands for it; it must belong to a verbs device."),
            option(
                "buffer_size", &self::buffer_bytes, &self::set_buffer_bytes,
                "Bytes of packets that can be in flight, rounded down to whole packets, at least "
                "one; 0: the default."),
            option("ttl", &self::ttl, between(0, 255), "Hops that the packets may make, 0 to 255."),
            comp_vector_option<self>(),
            max_poll_option<self>(),
            dscp_option<self>(),
        };
    }
};

class udp_ibv_transport final : public transport {
public:
    using options_type = udp_ibv_options;
    static constexpr transport_info info{
        .name = "ibv",
        .stream = "UdpIbvStream",
        .label = "ibverbs (UDP multicast)",
        .text = "Stream over UDP multicast past the kernel, through ibverbs.",
        .largest_packet = max_udp_payload};

    /// \param max_packet_size  bytes of the largest packet (UDP payload)
    /// \throw std::invalid_argument  endpoints empty or not IPv4 multicast; a region that is empty
    ///        or overlaps another; no IPv4 interface address; a number out of range
    /// \throw resolve_error          interface_address cannot be resolved
    /// \throw std::runtime_error     no libibverbs or librdmacm on this machine, or this library was
    ///        built without their headers
    /// \throw std::system_error      no device owns the address, or it refuses something
    udp_ibv_transport(const udp_ibv_options& options, std::size_t max_packet_size);
    ~udp_ibv_transport() override;

    [[nodiscard]] std::size_t num_substreams() const noexcept override;
    [[nodiscard]] send_result send(packet_span packets) noexcept override;
    [[nodiscard]] int wait_fd() const noexcept override;
    [[nodiscard]] bool set_hardware_rate(double bytes_per_second) override;
    void quiesce() noexcept override;
    [[nodiscard]] std::string describe() const override;
    [[nodiscard]] std::string explain(const std::error_code& error,
                                      std::size_t substream) const override;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace spead2::send
