// SPDX-License-Identifier: Apache-2.0
#include "premade_packets.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <spead2/wire/protocol.h>

#include "item_pointer.h"
#include "only_packet_writer.h"
#include "wire/byte_order.h"

namespace spead2::send {
namespace {

/// Whether the value of an item is copied beside the header, as extent_cursor does it.
[[nodiscard]] bool is_copied(const heap_item& item) noexcept {
    return !item.is_immediate() && item.length != 0 && item.length <= packet_batch::small_extent;
}

}  // namespace

std::unique_ptr<premade_packets> premade_packets::make(std::vector<source> heaps,
                                                       std::size_t max_packet_size) {
    packet_batch::room room{heaps.size(), 0, 0};
    for (const source& heap : heaps) {
        const heap_contents& contents = *heap.contents;
        if (only_packet::of(contents, max_packet_size).size == 0 ||
            !(contents.get_flavour() == heaps.front().contents->get_flavour()))
            return nullptr;
        room.bytes += prefix_size + contents.items().size() * item_pointer_size;
        room.iovs += 1 + contents.items().size();
        for (const heap_item& item : contents.items())
            if (is_copied(item)) room.bytes += static_cast<std::size_t>(item.length);
    }
    return std::unique_ptr<premade_packets>(
        new premade_packets(std::move(heaps), max_packet_size, room));
}

premade_packets::premade_packets(std::vector<source> heaps, std::size_t max_packet_size,
                                 const packet_batch::room& room)
    : heaps_(std::move(heaps)), max_packet_size_(max_packet_size), packets_(room) {
    detail::only_packet_writer writer(packets_);
    for (const source& heap : heaps_) {
        writer.set_form(only_packet::of(*heap.contents, max_packet_size),
                        heap.contents->get_flavour());
        writer.write(*heap.contents, 0, heap.substream);
        payload_size_ += heap.contents->payload_size();
        max_substream_ = std::max(max_substream_, heap.substream);
    }
    for (std::size_t i = 0; i < heaps_.size(); ++i) find_copied_values(i);
}

void premade_packets::find_copied_values(std::size_t packet) {
    const packet_span made = packets_.from(packet);
    auto* pointer = static_cast<std::uint8_t*>(made.iovs[made.packets.front().first_iov].iov_base) +
                    prefix_size;
    const std::span<const heap_item> items = heaps_[packet].contents->items();
    std::uint8_t* value = pointer + items.size() * item_pointer_size;
    for (const heap_item& item : items) {
        if (item.read_late()) copied_values_.push_back({packet, pointer, &item});
        pointer += item_pointer_size;
        if (!is_copied(item)) continue;
        copied_values_.push_back({packet, value, &item});
        value += item.length;
    }
}

packet_span premade_packets::renew(std::size_t first, std::size_t count, std::uint64_t cnt,
                                   std::uint64_t step) noexcept {
    packet_span result = packets_.from(first);
    result.packets = result.packets.first(count);
    const flavour f = heaps_.front().contents->get_flavour();
    const std::uint64_t pointer = f.immediate(heap_cnt_id, 0);
    const std::uint64_t mask = f.max_address();
    for (const packet& p : result.packets) {
        const std::uint64_t cnt_pointer = wire::to_big_endian(pointer | (cnt & mask));
        std::memcpy(static_cast<std::uint8_t*>(result.iovs[p.first_iov].iov_base) + header_size,
                    &cnt_pointer, sizeof cnt_pointer);
        cnt += step;
    }
    const auto before = [](const copied_value& value, std::size_t packet) {
        return value.packet < packet;
    };
    for (auto value = std::lower_bound(copied_values_.begin(), copied_values_.end(), first, before);
         value != copied_values_.end() && value->packet < first + count; ++value) {
        const heap_item& item = *value->item;
        if (item.is_immediate())
            static_cast<void>(detail::put_pointer(value->to, item));
        else
            std::memcpy(value->to, item.data, static_cast<std::size_t>(item.length));
    }
    return result;
}

}  // namespace spead2::send
