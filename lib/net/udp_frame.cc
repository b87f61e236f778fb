// SPDX-License-Identifier: Apache-2.0
#include "udp_frame.h"

#include <algorithm>
#include <cstring>

#include "net/ethernet_frame.h"

namespace spead2 {
namespace {

constexpr std::size_t ethernet_size = 14;
constexpr std::size_t udp_size = 8;

// Nobody's: the bit for addresses that are given locally is set.
constexpr mac_address source_mac{0x02, 0, 0, 0, 0, 0x01};
constexpr mac_address destination_mac{0x02, 0, 0, 0, 0, 0x02};

void put(std::uint8_t* at, std::size_t low_16_bits) noexcept {
    at[0] = static_cast<std::uint8_t>(low_16_bits >> 8);
    at[1] = static_cast<std::uint8_t>(low_16_bits);
}

/// Sum of 16-bit words, not folded; an odd last byte counts as if a zero followed.
[[nodiscard]] std::uint64_t sum(const std::uint8_t* data, std::size_t size) noexcept {
    std::uint64_t result = 0;
    for (; size > 1; data += 2, size -= 2)
        result += static_cast<std::uint32_t>(data[0] << 8 | data[1]);
    if (size == 1) result += static_cast<std::uint32_t>(data[0] << 8);
    return result;
}

[[nodiscard]] std::uint32_t folded(std::uint64_t value) noexcept {
    while (value >> 16 != 0) value = (value & 0xffff) + (value >> 16);
    return static_cast<std::uint32_t>(value);
}

const sockaddr_in& v4(const endpoint& e) {
    return *reinterpret_cast<const sockaddr_in*>(e.address());
}
const sockaddr_in6& ipv6(const endpoint& e) {
    return *reinterpret_cast<const sockaddr_in6*>(e.address());
}

[[nodiscard]] mac_address mac_of(const endpoint& destination) {
    if (!destination.is_multicast()) return destination_mac;
    if (destination.family() == AF_INET) return multicast_mac(v4(destination).sin_addr);
    // RFC 2464: 33:33 and the low 32 bits of the group's address.
    mac_address result{0x33, 0x33};
    std::copy_n(ipv6(destination).sin6_addr.s6_addr + 12, 4, result.begin() + 2);
    return result;
}

}  // namespace

udp_frame::udp_frame(const endpoint& source, const endpoint& destination, std::uint8_t hops,
                     std::uint8_t traffic_class)
    : bytes_(ethernet_size + (destination.family() == AF_INET6 ? 40 : 20) + udp_size),
      v6_(destination.family() == AF_INET6) {
    const mac_address to = mac_of(destination);
    std::copy(to.begin(), to.end(), bytes_.begin());
    std::copy(source_mac.begin(), source_mac.end(), bytes_.begin() + 6);
    std::uint8_t* const ip = bytes_.data() + ethernet_size;
    std::uint8_t* const udp = bytes_.data() + bytes_.size() - udp_size;
    if (v6_) {
        put(bytes_.data() + 12, 0x86dd);
        put(ip, 0x6000U | static_cast<unsigned>(traffic_class << 4));
        ip[6] = IPPROTO_UDP;
        ip[7] = hops;
        std::memcpy(ip + 8, &ipv6(source).sin6_addr, 16);
        std::memcpy(ip + 24, &ipv6(destination).sin6_addr, 16);
    } else {
        put(bytes_.data() + 12, 0x0800);
        ip[0] = 0x45;
        ip[1] = traffic_class;
        ip[6] = 0x40;  // do not fragment
        ip[8] = hops;
        ip[9] = IPPROTO_UDP;
        std::memcpy(ip + 12, &v4(source).sin_addr, 4);
        std::memcpy(ip + 16, &v4(destination).sin_addr, 4);
    }
    put(udp, source.port());
    put(udp + 2, destination.port());
}

void udp_frame::write(std::uint8_t* frame, std::size_t payload) const noexcept {
    std::copy(bytes_.begin(), bytes_.end(), frame);
    std::uint8_t* const ip = frame + ethernet_size;
    std::uint8_t* const udp = frame + bytes_.size() - udp_size;
    const std::size_t udp_length = udp_size + payload;
    put(udp + 4, udp_length);
    std::uint64_t pseudo = IPPROTO_UDP + udp_length;
    if (v6_) {
        put(ip + 4, udp_length);
        pseudo += sum(ip + 8, 32);
    } else {
        put(ip + 2, 20 + udp_length);
        put(ip + 10, ~folded(sum(ip, 20)));
        pseudo += sum(ip + 12, 8);
    }
    const std::uint32_t checksum = ~folded(pseudo + sum(udp, udp_length)) & 0xffff;
    put(udp + 6, checksum != 0 ? checksum : 0xffff);  // 0 would say that there is none
}

}  // namespace spead2
