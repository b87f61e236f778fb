// SPDX-License-Identifier: Apache-2.0
// The traffic class of packets (RFC 2474), by which routers and switches tell which go first.
#pragma once

#include <cstdint>

#include <spead2/base/options.h>

namespace spead2 {

/// The row of the option, for structures with a member `int dscp`.
template <typename Options>
[[nodiscard]] constexpr auto dscp_option() {
    return option("dscp", &Options::dscp, between(0, 63),
                  "Traffic class of the packets, a differentiated services code point from 0 to 63 "
                  "by which networks tell which go first (46: expedited); 0: none.");
}

/// The code point where headers of IPv4 and IPv6 have it. The two bits below are the network's, for
/// congestion.
[[nodiscard]] constexpr std::uint8_t traffic_class(int dscp) noexcept {
    return static_cast<std::uint8_t>(dscp << 2);
}

}  // namespace spead2
