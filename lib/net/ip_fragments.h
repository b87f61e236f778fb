// SPDX-License-Identifier: Apache-2.0
// Puts UDP packets together that came as fragments of IPv4 or IPv6, for those who read frames
// themselves. Bounded: the oldest packet that is incomplete is forgotten when there are too many.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "net/ethernet_frame.h"

namespace spead2 {

class ip_fragments {
public:
    /// Packets that can be incomplete at a time; each takes up to 64 KiB.
    static constexpr std::size_t max_incomplete = 64;

    /// \param packet  IPv4 or IPv6; anything but a fragment of UDP is passed over
    /// \return the UDP packet that it completes; valid until the next call
    [[nodiscard]] std::optional<udp_datagram> add(std::span<const std::uint8_t> packet);

private:
    static constexpr std::size_t unit = 8;  ///< bytes; fragments begin at multiples of it
    static constexpr std::size_t largest = 65535;

    struct fragment {
        std::array<std::uint8_t, 36> key;  ///< addresses and identification
        std::size_t address_size;
        std::size_t offset;
        bool more;
        std::span<const std::uint8_t> data;
    };
    struct incomplete {
        fragment first_seen;  ///< without its data
        std::vector<std::uint8_t> bytes;
        std::bitset<largest / unit + 1> there;
        std::size_t units = 0;
        std::size_t total = 0;  ///< bytes; 0: the last fragment has not come
    };

    [[nodiscard]] static std::optional<fragment> parse(std::span<const std::uint8_t> packet);

    std::deque<incomplete> incomplete_;
    incomplete complete_;  ///< what was returned
};

}  // namespace spead2
