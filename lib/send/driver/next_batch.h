// SPDX-License-Identifier: Apache-2.0
// The batch of packets that is being filled, as the groups see it.
#pragma once

#include <algorithm>
#include <cstddef>

#include <spead2/send/config.h>
#include <spead2/send/packets.h>
#include <spead2/send/transport.h>
#include <spead2/wire/protocol.h>

#include "books.h"
#include "pacer.h"
#include "send/packets/packet_batch.h"

namespace spead2::send::detail {

// One batch: enough that a system call for it is cheap beside the work, little enough that its
// headers stay in the cache and other streams of the worker get their turn.
inline constexpr std::size_t batch_packets = 512;
inline constexpr std::size_t batch_bytes = std::size_t{2} << 20;

/// How many full packets a batch is to have: whole messages of the transport, if one fits.
[[nodiscard]] inline std::size_t full_batch(const transport& carrier, std::size_t packet_size) {
    const std::size_t bytes = packet_size < carrier.whole_below()
                                  ? packet_batch::copied_bytes(batch_packets)
                                  : batch_bytes;
    const std::size_t most = std::clamp<std::size_t>(bytes / packet_size, 1, batch_packets);
    const std::size_t together = std::max<std::size_t>(carrier.packets_together(packet_size), 1);
    return most < together ? most : most - most % together;
}

/// Whoever makes packets puts them into `packets`, enters them in the books, asks the pacer before
/// and tells it after if they have a rate, and counts their bytes.
struct next_batch {
    next_batch(const stream_config& config, std::size_t max_packet_size, const transport& carrier)
        : packets(batch_packets, max_packet_size, carrier.whole_below()),
          made(2 * batch_packets),
          pacing(config),
          max_run(full_batch(carrier, std::max(max_packet_size, std::size_t{min_packet_size}))) {}

    void clear() noexcept {
        packets.clear();
        premade = {};
        bytes = 0;
        pacing.start_batch();
    }
    [[nodiscard]] bool has_room() const noexcept {
        return bytes < batch_bytes && packets.has_room();
    }
    /// What is to go.
    [[nodiscard]] packet_span ready() const noexcept {
        return packets.empty() ? premade : packets.from(0);
    }

    packet_batch packets;
    packet_span premade{};  ///< instead: packets that were made before
    books made;
    pacer pacing;
    std::size_t bytes = 0;
    /// Most packets in a row out of one heap or list; a batch ends after so many.
    const std::size_t max_run;
};

}  // namespace spead2::send::detail
