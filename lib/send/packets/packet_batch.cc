// SPDX-License-Identifier: Apache-2.0
#include "packet_batch.h"

namespace spead2::send {
namespace {

constexpr std::size_t iovs_per_packet = 3;

/// iovecs that a packet takes at most.
[[nodiscard]] constexpr std::size_t max_iovs(std::size_t packet_size) noexcept {
    return 2 * (packet_size / packet_batch::small_extent) + 3;
}

}  // namespace

packet_batch::packet_batch(std::size_t max_packets, std::size_t max_packet_size,
                           std::size_t whole_below)
    : packet_batch(room{max_packets, copied_bytes(max_packets) + max_packet_size,
                        max_packets * iovs_per_packet + max_iovs(max_packet_size)}) {
    max_packet_size_ = max_packet_size;
    max_packet_iovs_ = max_iovs(max_packet_size);
    whole_below_ = whole_below;
}

packet_batch::packet_batch(const room& exact)
    : max_packets_(exact.packets), iovs_size_(exact.iovs), bytes_size_(exact.bytes) {
    // Not initialised: what is never used then costs no memory.
    packets_ = std::unique_ptr<packet[]>(new packet[max_packets_]);
    iovs_ = std::unique_ptr<iovec[]>(new iovec[iovs_size_]);
    bytes_ = aligned_bytes(bytes_size_);
}

}  // namespace spead2::send
