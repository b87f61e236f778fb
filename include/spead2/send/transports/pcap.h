// SPDX-License-Identifier: Apache-2.0
// Capture files: packets as they would be seen on a network, each with the time at which it was due.
#pragma once

#include <filesystem>
#include <memory>
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

struct pcap_options {
    static constexpr int default_ttl = 64;
    static constexpr int default_source_port = 8888;

    std::filesystem::path path;
    std::vector<endpoint> endpoints;
    std::string source4 = "127.0.0.1";
    std::string source6 = "::1";
    int source_port = default_source_port;
    int ttl = default_ttl;
    int dscp = 0;

    static constexpr auto arguments() {
        using self = pcap_options;
        return std::tuple{
            argument("path", &self::path, "The file; one that exists is written anew."),
            argument("endpoints", &self::endpoints,
                     "Where the packets go to, one substream each: IPv4 or IPv6, unicast or "
                     "multicast."),
        };
    }
    static constexpr auto options() {
        using self = pcap_options;
        return std::tuple{
            option("source4", &self::source4, "Where packets of IPv4 seem to come from."),
            option("source6", &self::source6, "Where packets of IPv6 seem to come from."),
            option("source_port", &self::source_port, between(0, 65535),
                   "UDP port that the packets seem to come from."),
            option("ttl", &self::ttl, between(0, 255), "Time to live or hop limit, 0 to 255."),
            dscp_option<self>(),
        };
    }
};

/// Writes the format pcap with nanoseconds, Ethernet frames, IPv4 or IPv6, UDP, all checksums. The
/// time of a packet is the one at which it was due by its rate, whenever it was written; without a
/// rate it is that of writing. What send() has accepted is in the file when it returns; it waits for
/// the file system. If that fails (ENOSPC, ...), the packets fail and the file ends before them.
class pcap_transport final : public transport {
public:
    using options_type = pcap_options;
    static constexpr transport_info info{
        .name = "pcap",
        .stream = "PcapStream",
        .label = "Capture file",
        .text =
            "Stream into a capture file, as if the packets had been seen on a network.\n\n"
            "The file has the format pcap with nanoseconds, with Ethernet, IP and UDP headers. "
            "The time of a\npacket is the one at which it was due by its rate, whenever it was "
            "written; without a rate it is\nthat of writing. What is sent is in the file.",
        .largest_packet = max_udp_payload};

    /// \throw std::invalid_argument  no endpoints; a number out of range; packets larger than UDP's
    /// \throw resolve_error          a source is not an address
    /// \throw std::system_error      the file cannot be made
    pcap_transport(const pcap_options& options, std::size_t max_packet_size);
    ~pcap_transport() override;

    [[nodiscard]] std::size_t num_substreams() const noexcept override;
    [[nodiscard]] send_result send(packet_span packets) noexcept override;
    [[nodiscard]] std::string describe() const override;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace spead2::send
