// SPDX-License-Identifier: Apache-2.0
// UDP packets with the headers of the network around them, both ways: Ethernet II, IPv4 or IPv6,
// UDP. Sending, headers are written once for a destination, and what depends on the packet's size is
// put in later; receiving, the UDP payload is found in a frame.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include <spead2/net/endpoint.h>

namespace spead2 {

using mac_address = std::array<std::uint8_t, 6>;

/// An IPv4 address and UDP port in network byte order.
struct ipv4_endpoint {
    in_addr address;
    std::uint16_t port;
};

/// \param e  of IPv4
[[nodiscard]] inline ipv4_endpoint ipv4_of(const endpoint& e) noexcept {
    return {reinterpret_cast<const sockaddr_in*>(e.address())->sin_addr, htons(e.port())};
}

/// RFC 1112: 01:00:5e and the low 23 bits of the group's address.
[[nodiscard]] inline mac_address multicast_mac(const in_addr& group) noexcept {
    const std::uint32_t a = ntohl(group.s_addr);
    return {0x01,
            0x00,
            0x5e,
            static_cast<std::uint8_t>(a >> 16 & 0x7f),
            static_cast<std::uint8_t>(a >> 8),
            static_cast<std::uint8_t>(a)};
}

/// What stands in front of a multicast UDP packet over IPv4: no options, no UDP checksum.
class frame_header {
public:
    static constexpr std::size_t ethernet_size = 14;
    static constexpr std::size_t ipv4_size = 20;
    static constexpr std::size_t udp_size = 8;
    static constexpr std::size_t size = ethernet_size + ipv4_size + udp_size;

    /// \param software_checksum  false: the device puts in the checksum of the IPv4 header
    frame_header(const mac_address& source_mac, const ipv4_endpoint& source,
                 const ipv4_endpoint& destination, std::uint8_t ttl, bool software_checksum,
                 std::uint8_t traffic_class = 0) noexcept
        : software_checksum_(software_checksum) {
        std::uint8_t* const ethernet = bytes_.data();
        std::uint8_t* const ipv4 = ethernet + ethernet_size;
        std::uint8_t* const udp = ipv4 + ipv4_size;
        const mac_address destination_mac = multicast_mac(destination.address);
        std::memcpy(ethernet, destination_mac.data(), 6);
        std::memcpy(ethernet + 6, source_mac.data(), 6);
        ethernet[12] = 0x08;  // IPv4
        ipv4[0] = 0x45;       // version 4, five words
        ipv4[1] = traffic_class;
        ipv4[6] = 0x40;  // do not fragment
        ipv4[8] = ttl;
        ipv4[9] = IPPROTO_UDP;
        std::memcpy(ipv4 + 12, &source.address, 4);
        std::memcpy(ipv4 + 16, &destination.address, 4);
        std::memcpy(udp, &source.port, 2);
        std::memcpy(udp + 2, &destination.port, 2);
        for (std::size_t i = 0; i < ipv4_size; i += 2)
            sum_ += static_cast<std::uint32_t>(ipv4[i] << 8 | ipv4[i + 1]);
    }

    /// Write all of it in front of a packet of \a packet_size bytes (at most max_udp_payload).
    void write(std::uint8_t* frame, std::size_t packet_size) const noexcept {
        std::memcpy(frame, bytes_.data(), size);
        write_size(frame, packet_size);
    }

    /// Change the size in a header that write() has written.
    void write_size(std::uint8_t* frame, std::size_t packet_size) const noexcept {
        std::uint8_t* const ipv4 = frame + ethernet_size;
        const auto udp_length = static_cast<std::uint32_t>(packet_size + udp_size);
        const auto ip_length = static_cast<std::uint32_t>(udp_length + ipv4_size);
        put(ipv4 + 2, ip_length);
        put(ipv4 + ipv4_size + 4, udp_length);
        if (software_checksum_) {
            std::uint32_t sum = sum_ + ip_length;
            sum = (sum & 0xffff) + (sum >> 16);
            sum = (sum & 0xffff) + (sum >> 16);
            put(ipv4 + 10, ~sum);
        }
    }

private:
    static void put(std::uint8_t* at, std::uint32_t low_16_bits) noexcept {
        const std::uint16_t value = htons(static_cast<std::uint16_t>(low_16_bits));
        std::memcpy(at, &value, sizeof value);
    }

    std::array<std::uint8_t, size> bytes_{};
    std::uint32_t sum_ = 0;  ///< of the IPv4 header without length and checksum
    bool software_checksum_;
};

/// A UDP packet that was found in a frame or in an IP packet.
struct udp_datagram {
    std::span<const std::uint8_t> payload;
    std::span<const std::uint8_t> source;       ///< address: 4 or 16 bytes in network byte order
    std::span<const std::uint8_t> destination;  ///< the same
    std::uint16_t source_port;                  ///< host byte order
    std::uint16_t destination_port;             ///< host byte order
};

namespace detail {

[[nodiscard]] inline std::uint32_t get_16(const std::uint8_t* at) noexcept {
    return static_cast<std::uint32_t>(at[0]) << 8 | at[1];
}

[[nodiscard]] inline std::optional<udp_datagram> find_udp_payload(
    std::span<const std::uint8_t> udp, std::span<const std::uint8_t> source,
    std::span<const std::uint8_t> destination) noexcept {
    if (udp.size() < 8) return std::nullopt;
    const std::size_t length = get_16(udp.data() + 4);
    if (length < 8 || length > udp.size()) return std::nullopt;  // cut off
    return udp_datagram{udp.subspan(8, length - 8), source, destination,
                        static_cast<std::uint16_t>(get_16(udp.data())),
                        static_cast<std::uint16_t>(get_16(udp.data() + 2))};
}

}  // namespace detail

/// The UDP packet in an IPv4 or IPv6 packet, of which there may follow padding. Nothing if it is
/// something else, a fragment, cut off, or wrong in its lengths. Checksums are not looked at.
/// Extension headers of IPv6 are passed over as far as they say nothing of fragments.
[[nodiscard]] inline std::optional<udp_datagram> find_udp_in_ip(
    std::span<const std::uint8_t> packet) noexcept {
    if (packet.empty()) return std::nullopt;
    if (packet[0] >> 4 == 4) {
        if (packet.size() < 20) return std::nullopt;
        const std::size_t header = std::size_t{4} * (packet[0] & 0xf);
        const std::size_t length = detail::get_16(packet.data() + 2);
        constexpr std::uint32_t more_fragments_or_offset = 0x3fff;
        if (header < 20 || length < header || length > packet.size() || packet[9] != IPPROTO_UDP ||
            (detail::get_16(packet.data() + 6) & more_fragments_or_offset) != 0)
            return std::nullopt;
        return detail::find_udp_payload(packet.subspan(header, length - header),
                                        packet.subspan(12, 4), packet.subspan(16, 4));
    }
    if (packet[0] >> 4 != 6 || packet.size() < 40) return std::nullopt;
    const std::size_t length = detail::get_16(packet.data() + 4);
    if (length + 40 > packet.size()) return std::nullopt;
    std::span<const std::uint8_t> rest = packet.subspan(40, length);
    std::uint8_t next = packet[6];
    while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
        if (rest.size() < 8) return std::nullopt;
        const std::size_t header = std::size_t{8} * (rest[1] + std::size_t{1});
        if (header > rest.size()) return std::nullopt;
        next = rest[0];
        rest = rest.subspan(header);
    }
    if (next != IPPROTO_UDP) return std::nullopt;
    return detail::find_udp_payload(rest, packet.subspan(8, 16), packet.subspan(24, 16));
}

/// The same for an Ethernet frame, with VLAN tags or without.
[[nodiscard]] inline std::optional<udp_datagram> find_udp_in_ethernet(
    std::span<const std::uint8_t> frame) noexcept {
    constexpr std::uint32_t ipv4 = 0x0800, ipv6 = 0x86dd, vlan = 0x8100, service_vlan = 0x88a8;
    std::size_t at = 12;
    for (; at + 2 <= frame.size(); at += 4) {
        const std::uint32_t type = detail::get_16(frame.data() + at);
        if (type == ipv4 || type == ipv6) return find_udp_in_ip(frame.subspan(at + 2));
        if (type != vlan && type != service_vlan) break;
    }
    return std::nullopt;
}

}  // namespace spead2
