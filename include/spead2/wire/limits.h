// SPDX-License-Identifier: Apache-2.0
// Bounds that follow from the widths of fields on the wire, each once. What a machine or a user
// allows is said where it is set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spead2 {

/// Bytes that a UDP datagram over IPv4 carries: 65,535 without the headers of IPv4 and UDP.
inline constexpr std::size_t max_udp_payload = 65535 - 20 - 8;
/// Item pointers of a packet: its header counts them in 16 bits.
inline constexpr std::size_t max_packet_pointers = 65535;
/// Bits of a format field: what a descriptor of the default flavour has room for.
inline constexpr std::uint64_t max_field_bits = (std::uint64_t{1} << 24) - 1;
/// Greatest port of UDP and TCP.
inline constexpr int max_port = 65535;

}  // namespace spead2
