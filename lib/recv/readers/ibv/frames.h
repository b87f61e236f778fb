// SPDX-License-Identifier: Apache-2.0
// The UDP packets in frames that were steered here. Devices steer by what they can look at, and some
// only by the address of the Ethernet header: everything is looked at once more.
#pragma once

#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "net/ethernet_frame.h"

namespace spead2::recv::detail {

class wanted_frames {
public:
    /// \param endpoints  at least one
    explicit wanted_frames(const std::vector<ipv4_endpoint>& endpoints) {
        for (const ipv4_endpoint& e : endpoints) wanted_.push_back(key(e.address.s_addr, e.port));
        std::sort(wanted_.begin(), wanted_.end());
        last_ = wanted_.front();
    }

    /// The UDP payload of a frame for one of the endpoints; empty if it is not: another host's, a
    /// fragment, with VLAN tags or IP options, or shorter than it says.
    [[nodiscard]] std::span<const std::uint8_t> payload(
        std::span<const std::uint8_t> frame) noexcept {
        constexpr std::size_t ipv4 = frame_header::ethernet_size;
        constexpr std::size_t udp = ipv4 + frame_header::ipv4_size;
        constexpr std::uint32_t ipv4_without_options =
            0x08004500;  // type, version, header's length
        constexpr std::uint32_t more_fragments_or_offset = 0x3fff;
        if (frame.size() < frame_header::size) return {};
        const std::uint8_t* const at = frame.data();
        const std::size_t ip_length = spead2::detail::get_16(at + ipv4 + 2);
        const std::size_t length = spead2::detail::get_16(at + udp + 4);
        std::uint32_t begin;
        std::memcpy(&begin, at + ipv4 - 2, sizeof begin);
        if ((ntohl(begin) & 0xffffff00) != ipv4_without_options ||
            (spead2::detail::get_16(at + ipv4 + 6) & more_fragments_or_offset) != 0 ||
            at[ipv4 + 9] != IPPROTO_UDP || length < frame_header::udp_size ||
            frame_header::ipv4_size + length > ip_length || ipv4 + ip_length > frame.size())
            return {};
        std::uint32_t address;
        std::uint16_t port;
        std::memcpy(&address, at + ipv4 + 16, sizeof address);
        std::memcpy(&port, at + udp + 2, sizeof port);
        if (!wants(key(address, port))) return {};
        return frame.subspan(frame_header::size, length - frame_header::udp_size);
    }

private:
    /// Both in network byte order.
    [[nodiscard]] static std::uint64_t key(std::uint32_t address, std::uint16_t port) noexcept {
        return std::uint64_t{address} << 16 | port;
    }
    [[nodiscard]] bool wants(std::uint64_t to) noexcept {
        if (to == last_) return true;
        if (!std::binary_search(wanted_.begin(), wanted_.end(), to)) return false;
        last_ = to;
        return true;
    }

    std::vector<std::uint64_t> wanted_;  ///< in order
    std::uint64_t last_;                 ///< of them: nearly always also of the next
};

}  // namespace spead2::recv::detail
