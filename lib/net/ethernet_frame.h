// SPDX-License-Identifier: Apache-2.0
// The headers in front of a multicast UDP packet: Ethernet II, IPv4 without options, UDP without a
// checksum. Written once for a destination; what depends on the packet's size is put in later.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace spead2 {

using mac_address = std::array<std::uint8_t, 6>;

/// An IPv4 address and UDP port in network byte order.
struct ipv4_endpoint {
    in_addr address;
    std::uint16_t port;
};

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

class frame_header {
public:
    static constexpr std::size_t ethernet_size = 14;
    static constexpr std::size_t ipv4_size = 20;
    static constexpr std::size_t udp_size = 8;
    static constexpr std::size_t size = ethernet_size + ipv4_size + udp_size;

    /// \param software_checksum  false: the device puts in the checksum of the IPv4 header
    frame_header(const mac_address& source_mac, const ipv4_endpoint& source,
                 const ipv4_endpoint& destination, std::uint8_t ttl,
                 bool software_checksum) noexcept
        : software_checksum_(software_checksum) {
        std::uint8_t* const ethernet = bytes_.data();
        std::uint8_t* const ipv4 = ethernet + ethernet_size;
        std::uint8_t* const udp = ipv4 + ipv4_size;
        const mac_address destination_mac = multicast_mac(destination.address);
        std::memcpy(ethernet, destination_mac.data(), 6);
        std::memcpy(ethernet + 6, source_mac.data(), 6);
        ethernet[12] = 0x08;  // IPv4
        ipv4[0] = 0x45;       // version 4, five words
        ipv4[6] = 0x40;       // do not fragment
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

}  // namespace spead2
