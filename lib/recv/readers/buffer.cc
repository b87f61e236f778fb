// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/readers/buffer.h>

#include <utility>

namespace spead2::recv {

buffer_reader::buffer_reader(std::span<const std::uint8_t> packets,
                             std::shared_ptr<const void> owner)
    : packets_(packets), owner_(std::move(owner)) {}

read_wait buffer_reader::read(intake& to) {
    // All of it is one batch. What does not even begin with a packet is none.
    if (!began_ && !packets_.empty()) {
        packet_view first;
        if (const packet_fault fault = decode_packet(packets_, first);
            fault != packet_fault::none) {
            to.log_fault(fault, packets_);
            return {.what = read_wait::kind::ended};
        }
        to.begin_batch();
        began_ = true;
    }
    packet_fault fault = packet_fault::none;
    position_ += to.add_packets(packets_.subspan(position_), bounded_bytes, SIZE_MAX, fault);
    if (fault != packet_fault::none) {
        to.log_fault(fault, packets_.subspan(position_));
        return {.what = read_wait::kind::ended};
    }
    return {.what = position_ < packets_.size() ? read_wait::kind::again : read_wait::kind::ended};
}

std::string buffer_reader::describe() const {
    return "buffer of " + std::to_string(packets_.size()) + " bytes";
}

}  // namespace spead2::recv
