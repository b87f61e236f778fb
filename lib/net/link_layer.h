// SPDX-License-Identifier: Apache-2.0
// The IP packet in a frame of a capture file, whatever the capture was made on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace spead2 {

/// What the frames of a capture begin with; values are those of libpcap on this machine.
enum class link_type : int {
    null = 0,  ///< 4 bytes: address family of the machine that captured
    ethernet = 1,
    raw = 12,         ///< nothing
    loop = 108,       ///< as null
    linux_sll = 113,  ///< "Linux cooked"
    ipv4 = 228,       ///< nothing
    ipv6 = 229,       ///< nothing
    linux_sll2 = 276,
};

[[nodiscard]] bool is_known(link_type type) noexcept;

/// \return the IP packet in a frame, with or without VLAN tags; empty if there is none
[[nodiscard]] std::span<const std::uint8_t> find_ip(link_type type,
                                                    std::span<const std::uint8_t> frame) noexcept;

}  // namespace spead2
