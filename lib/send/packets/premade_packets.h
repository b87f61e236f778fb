// SPDX-License-Identifier: Apache-2.0
// The packets of heaps that fit one packet each, made once to be sent many times. Before each time,
// only what may have changed is written again.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <spead2/send/heap.h>

#include "packet_batch.h"

namespace spead2::send {

/// One sender at a time: between acquire() and release().
class premade_packets {
public:
    struct source {
        std::shared_ptr<const heap_contents> contents;
        std::uint32_t substream;
    };

    /// \param heaps            whose packets to make
    /// \param max_packet_size  bytes
    /// \return null if a heap needs more than one packet, or their flavours differ
    [[nodiscard]] static std::unique_ptr<premade_packets> make(std::vector<source> heaps,
                                                               std::size_t max_packet_size);

    [[nodiscard]] std::size_t size() const noexcept { return heaps_.size(); }
    [[nodiscard]] const std::vector<source>& heaps() const noexcept { return heaps_; }
    [[nodiscard]] std::size_t max_packet_size() const noexcept { return max_packet_size_; }
    [[nodiscard]] std::uint64_t payload_size() const noexcept { return payload_size_; }
    [[nodiscard]] std::uint32_t max_substream() const noexcept { return max_substream_; }

    /// \return whether nobody else is sending them
    [[nodiscard]] bool acquire() noexcept {
        return !in_use_.exchange(true, std::memory_order_acquire);
    }
    void release() noexcept { in_use_.store(false, std::memory_order_release); }

    /// Packets [first, first + count), with heap cnts cnt, cnt + step, ... and the values that
    /// their items have now. Valid until release().
    [[nodiscard]] packet_span renew(std::size_t first, std::size_t count, std::uint64_t cnt,
                                    std::uint64_t step) noexcept;

private:
    /// A value beside the header that is read when the packet is sent.
    struct copied_value {
        std::size_t packet;
        std::uint8_t* to;
        const heap_item* item;
    };

    premade_packets(std::vector<source> heaps, std::size_t max_packet_size,
                    const packet_batch::room& room);
    void find_copied_values(std::size_t packet);

    std::vector<source> heaps_;
    std::size_t max_packet_size_;
    std::uint64_t payload_size_ = 0;
    std::uint32_t max_substream_ = 0;
    packet_batch packets_;
    std::vector<copied_value> copied_values_;  ///< in order of packets
    std::atomic<bool> in_use_{false};
};

}  // namespace spead2::send
