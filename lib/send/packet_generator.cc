// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/packet_generator.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include <spead2/wire/protocol.h>

#include "send/packets/packet_batch.h"
#include "send/packets/packetiser.h"

namespace spead2::send {
namespace {

/// No packet of the heap is larger, whatever the maximum.
[[nodiscard]] std::size_t largest_packet(const packetiser& packets) {
    return min_packet_size + (packets.contents()->items().size() + 1) * item_pointer_size +
           static_cast<std::size_t>(packets.heap_length());
}

}  // namespace

struct packet_generator::implementation {
    implementation(const heap& h, std::uint64_t cnt, std::size_t max_packet_size)
        : packets(h.contents(), cnt, max_packet_size),
          batch(1, std::min(max_packet_size, largest_packet(packets))) {}

    packetiser packets;
    packet_batch batch;
};

packet_generator::packet_generator(const heap& h, std::uint64_t cnt, std::size_t max_packet_size)
    : implementation_(std::make_unique<implementation>(h, cnt, max_packet_size)) {}

packet_generator::packet_generator(packet_generator&&) noexcept = default;
packet_generator& packet_generator::operator=(packet_generator&&) noexcept = default;
packet_generator::~packet_generator() = default;

bool packet_generator::done() const noexcept { return implementation_->packets.done(); }

std::size_t packet_generator::next_size() const noexcept {
    return implementation_->packets.next_size();
}

void packet_generator::next(std::span<std::uint8_t> out) {
    packetiser& packets = implementation_->packets;
    packet_batch& batch = implementation_->batch;
    if (out.size() < packets.next_size())
        throw std::invalid_argument("the next packet has " + std::to_string(packets.next_size()) +
                                    " bytes, but there is room for " + std::to_string(out.size()));
    batch.clear();
    static_cast<void>(packets.next(batch, 0));
    std::uint8_t* to = out.data();
    const packet_span made = batch.from(0);
    for (const packet& p : made.packets)
        for (const iovec& part : std::span(made.iovs + p.first_iov, p.n_iov))
            to = std::copy_n(static_cast<const std::uint8_t*>(part.iov_base), part.iov_len, to);
}

}  // namespace spead2::send
