// SPDX-License-Identifier: Apache-2.0
// Whole frames for capture files: Ethernet, IPv4 or IPv6, UDP, with all checksums, for any two
// endpoints. What goes to a device at line rate uses frame_header instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <spead2/net/endpoint.h>

namespace spead2 {

class udp_frame {
public:
    /// \param source       of the same family as \a destination
    /// \param hops         time to live or hop limit
    udp_frame(const endpoint& source, const endpoint& destination, std::uint8_t hops,
              std::uint8_t traffic_class);

    /// Bytes in front of the payload.
    [[nodiscard]] std::size_t header_size() const noexcept { return bytes_.size(); }
    /// Write the headers of a payload that stands behind them already.
    void write(std::uint8_t* frame, std::size_t payload) const noexcept;

private:
    std::vector<std::uint8_t> bytes_;  ///< all headers, lengths and checksums zero
    bool v6_;
};

}  // namespace spead2
