// SPDX-License-Identifier: Apache-2.0
#include <spead2/wire/packetiser.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "byte_order.h"

namespace spead2 {

packetiser::packetiser(std::shared_ptr<const heap_contents> contents, std::uint64_t cnt,
                       std::size_t max_packet_size)
    : contents_(std::move(contents)),
      heap_length_(contents_->payload_size()),
      packet_size_(max_packet_size & ~std::size_t{7}),
      n_pointers_(contents_->items().size()),
      repeat_(contents_->repeat_pointers()) {
    if (packet_size_ < min_packet_size)
        throw std::invalid_argument("max_packet_size " + std::to_string(max_packet_size) +
                                    " is below the minimum of " + std::to_string(min_packet_size) +
                                    " bytes");
    // The header counts the item pointers of a packet in 16 bits.
    max_pointers_ = std::min<std::size_t>(
        (packet_size_ - prefix_size - item_pointer_size) / item_pointer_size, 65535 - 4);
    // Repeated pointers always leave room for a NULL pointer, as the reference sender does.
    if (repeat_ && n_pointers_ + 1 > max_pointers_)
        throw std::invalid_argument(
            "repeat_pointers needs room for " + std::to_string(n_pointers_ + 1) +
            " item pointers, but a packet of max_packet_size " + std::to_string(max_packet_size) +
            " takes only " + std::to_string(max_pointers_));
    const std::size_t pointer_packets = n_pointers_ / max_pointers_ + 1;
    const std::uint64_t min_payload = (pointer_packets - 1) * item_pointer_size + 1;
    if (heap_length_ < min_payload) {
        heap_length_ = min_payload;
        ++n_pointers_;
    }
    const flavour& f = contents_->get_flavour();
    if (heap_length_ > f.max_address())
        throw std::invalid_argument("heap has " + std::to_string(heap_length_) +
                                    " bytes of payload, but " + f.to_string() + " allows only " +
                                    std::to_string(f.max_address()));
    set_cnt(cnt);
    done_ = false;
}

void packetiser::set_cnt(std::uint64_t cnt) noexcept {
    cnt_pointer_ = wire::to_big_endian(contents_->get_flavour().immediate(heap_cnt_id, cnt));
}

std::size_t packetiser::next_pointers() const noexcept {
    return repeat_ ? n_pointers_ : std::min(max_pointers_, n_pointers_ - next_pointer_);
}

std::size_t packetiser::next_size() const noexcept {
    const std::size_t fixed = prefix_size + next_pointers() * item_pointer_size;
    return fixed + static_cast<std::size_t>(std::min<std::uint64_t>(
                       packet_size_ - fixed, heap_length_ - payload_offset_));
}

void packetiser::write_pointers(std::uint8_t* out, std::size_t n) noexcept {
    const flavour& f = contents_->get_flavour();
    const std::vector<heap_item>& items = contents_->items();
    if (repeat_) {
        next_pointer_ = 0;
        address_ = 0;
    }
    for (; n > 0; --n, ++next_pointer_) {
        if (next_pointer_ == items.size()) {
            // The NULL pointer that announces padding.
            out = wire::put_u64(out, f.address(null_id, address_));
            continue;
        }
        const heap_item& item = items[next_pointer_];
        if (!item.immediate) {
            out = wire::put_u64(out, f.address(item.id, address_));
            address_ += item.length;
        } else if (item.data == nullptr) {
            out = wire::put_u64(out, f.immediate(item.id, item.value));
        } else {
            std::uint64_t value = 0;
            for (std::uint64_t i = 0; i < item.length; ++i) value = value << 8 | item.data[i];
            out = wire::put_u64(out, f.immediate(item.id, value));
        }
    }
}

std::size_t packetiser::next(packet_batch& batch, std::uint32_t substream) {
    const flavour& f = contents_->get_flavour();
    const std::vector<heap_item>& items = contents_->items();
    const std::size_t pointers = next_pointers();
    const std::size_t fixed = prefix_size + pointers * item_pointer_size;
    std::size_t payload = static_cast<std::size_t>(
        std::min<std::uint64_t>(packet_size_ - fixed, heap_length_ - payload_offset_));
    const std::size_t size = fixed + payload;

    std::uint8_t* out = batch.begin(fixed);
    out = wire::put_u64(out, wire::packet_header(f.address_bytes(), 4 + pointers));
    std::memcpy(out, &cnt_pointer_, sizeof cnt_pointer_);
    out += sizeof cnt_pointer_;
    out = wire::put_u64(out, f.immediate(heap_length_id, heap_length_));
    out = wire::put_u64(out, f.immediate(payload_offset_id, payload_offset_));
    out = wire::put_u64(out, f.immediate(payload_length_id, payload));
    if (pointers != 0) write_pointers(out, pointers);

    payload_offset_ += payload;
    while (payload > 0) {
        if (extent_item_ == items.size()) {
            batch.append_zeros(payload);
            break;
        }
        const heap_item& item = items[extent_item_];
        const std::uint64_t left = item.immediate ? 0 : item.length - extent_offset_;
        const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(payload, left));
        if (n != 0) batch.append(item.data + extent_offset_, n);
        payload -= n;
        if (n == left) {
            ++extent_item_;
            extent_offset_ = 0;
        } else {
            extent_offset_ += n;
        }
    }
    batch.end(size, substream);
    if (payload_offset_ == heap_length_) done_ = true;
    return size;
}

}  // namespace spead2
