// SPDX-License-Identifier: Apache-2.0
// Packets that are ready to go, as a transport is given them. Who makes them is the stream's matter.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include <sys/uio.h>

namespace spead2::send {

/// One packet: iovecs [first_iov, first_iov + n_iov) of its span, the first of which starts with
/// the packet header.
struct packet {
    std::uint32_t first_iov;
    std::uint32_t n_iov;
    std::uint32_t size;       ///< bytes of the whole packet
    std::uint32_t substream;  ///< where it goes
};

/// A run of packets as a transport sees it. iovs is the whole array that packet::first_iov indexes; the
/// iovecs of each packet follow those of the one before without a gap.
struct packet_span {
    std::span<const packet> packets;
    const iovec* iovs;
    /// When the first packet was due by the stream's rate; epoch: packets have no schedule.
    std::chrono::steady_clock::time_point due{};
    double seconds_per_byte = 0.0;  ///< until the next one is, mean of these packets
};

}  // namespace spead2::send
