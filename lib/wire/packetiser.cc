// SPDX-License-Identifier: Apache-2.0
#include <spead2/wire/packetiser.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "extent_cursor.h"
#include "item_pointer.h"

namespace spead2 {

std::uint64_t wire::late_pointer(const heap_item& item) noexcept {
    return item.pointer | to_big_endian(get_uint(item.data, item.length));
}

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
    max_pointers_ = std::min<std::size_t>(
        (packet_size_ - prefix_size - item_pointer_size) / item_pointer_size, max_counted_pointers);
    // Repeated pointers always leave room for a NULL pointer, as the reference sender does.
    if (repeat_ && n_pointers_ + 1 > max_pointers_)
        throw std::invalid_argument(
            "repeat_pointers needs room for " + std::to_string(n_pointers_ + 1) +
            " item pointers, but a packet of max_packet_size " + std::to_string(max_packet_size) +
            " takes only " + std::to_string(max_pointers_));
    // (A division is the dearest thing here, and hardly ever needed.)
    const std::size_t pointer_packets =
        n_pointers_ < max_pointers_ ? 1 : n_pointers_ / max_pointers_ + 1;
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

std::size_t packetiser::next_pointers() const noexcept {
    return repeat_ ? n_pointers_ : std::min(max_pointers_, n_pointers_ - next_pointer_);
}

std::size_t packetiser::next_size() const noexcept {
    const std::size_t fixed = prefix_size + next_pointers() * item_pointer_size;
    return fixed + static_cast<std::size_t>(std::min<std::uint64_t>(
                       packet_size_ - fixed, heap_length_ - payload_offset_));
}

/// The next \a n item pointers.
void packetiser::write_pointers(std::uint8_t* out, std::size_t n) noexcept {
    if (repeat_) next_pointer_ = 0;
    const std::vector<heap_item>& items = contents_->items();
    const std::size_t end = next_pointer_ + n;
    const heap_item* const stop = items.data() + std::min(end, items.size());
    for (const heap_item* item = items.data() + next_pointer_; item < stop; ++item)
        out = wire::put_pointer(out, *item);
    // The NULL pointer that announces padding.
    if (end > items.size())
        wire::put_u64(out, contents_->get_flavour().address(null_id, contents_->payload_size()));
    next_pointer_ = end;
}

/// The next \a payload bytes of the heap's payload, the padding included.
void packetiser::append_payload(packet_batch& batch, std::size_t payload) noexcept {
    const std::vector<heap_item>& items = contents_->items();
    packet_batch::run place = batch.begin_run();
    wire::extent_cursor extents{place.bytes, place.iovs - 1};
    const heap_item* item = items.data() + extent_item_;
    const heap_item* const end = items.data() + items.size();
    // What is left of the item, then whole ones, then a part of one.
    std::uint64_t offset = extent_offset_;
    for (; item < end; ++item, offset = 0) {
        const std::uint64_t left = item->payload_length() - offset;
        if (left > payload) break;
        extents.append(item->data + offset, static_cast<std::size_t>(left));
        payload -= static_cast<std::size_t>(left);
    }
    extent_item_ = static_cast<std::size_t>(item - items.data());
    extent_offset_ = offset;
    if (payload != 0 && item == end) {
        std::memset(extents.room(payload), 0, payload);
    } else if (payload != 0) {
        extents.append(item->data + offset, payload);
        extent_offset_ = offset + payload;
    }
    place.first_iov += static_cast<std::uint32_t>(extents.last + 1 - place.iovs);
    place.bytes = extents.bytes;
    batch.end_run(place);
}

std::size_t packetiser::next(packet_batch& batch, std::uint32_t substream) noexcept {
    const flavour f = contents_->get_flavour();
    const std::size_t pointers = next_pointers();
    const std::size_t fixed = prefix_size + pointers * item_pointer_size;
    const std::uint64_t offset = payload_offset_;
    const std::uint64_t length = heap_length_;
    const auto payload =
        static_cast<std::size_t>(std::min<std::uint64_t>(packet_size_ - fixed, length - offset));

    std::uint8_t* const out = batch.begin(fixed);
    wire::put_prefix(out, wire::to_big_endian(wire::packet_header(f.address_bytes(), 4 + pointers)),
                     cnt_pointer_, wire::to_big_endian(f.immediate(heap_length_id, length)),
                     wire::to_big_endian(f.immediate(payload_offset_id, offset)),
                     wire::to_big_endian(f.immediate(payload_length_id, payload)));
    if (pointers != 0) write_pointers(out + prefix_size, pointers);
    append_payload(batch, payload);
    batch.end(fixed + payload, substream);
    payload_offset_ = offset + payload;
    done_ = payload_offset_ == length;
    return fixed + payload;
}

packetiser::run packetiser::next_run(packet_batch& batch, std::uint32_t substream,
                                     std::size_t max_count) noexcept {
    const std::vector<heap_item>& items = contents_->items();
    // The bulk of a large heap: whole packets without item pointers, out of one item.
    if (max_count > 1 && next_pointer_ == n_pointers_ && !repeat_ && extent_item_ < items.size() &&
        !items[extent_item_].is_immediate()) {
        const std::size_t payload = packet_size_ - prefix_size;
        const heap_item& item = items[extent_item_];
        // At least one byte of the heap and of the item is left to next(), which ends both.
        const std::uint64_t left = item.length - extent_offset_;
        const std::uint64_t whole = left <= payload ? 0 : (left - 1) / payload;
        if (whole > 1) {
            const bool copied = payload <= packet_batch::small_extent;
            const std::size_t bytes = copied ? packet_size_ : prefix_size;
            const std::size_t n_iov = copied ? 1 : 2;
            const std::size_t count = std::min(
                {max_count, static_cast<std::size_t>(whole), batch.room_for(bytes, n_iov)});
            if (count > 1) {
                write_run(batch.begin_run(), count, substream, copied);
                batch.end_run(count, bytes, n_iov);
                return {static_cast<std::uint32_t>(count),
                        static_cast<std::uint32_t>(packet_size_)};
            }
        }
    }
    return {1, static_cast<std::uint32_t>(next(batch, substream))};
}

void packetiser::write_run(const packet_batch::run& out, std::size_t count, std::uint32_t substream,
                           bool copied) noexcept {
    const flavour f = contents_->get_flavour();
    const std::size_t payload = packet_size_ - prefix_size;
    const std::uint64_t header = wire::to_big_endian(wire::packet_header(f.address_bytes(), 4));
    const std::uint64_t cnt = cnt_pointer_;
    const std::uint64_t heap_length =
        wire::to_big_endian(f.immediate(heap_length_id, heap_length_));
    const std::uint64_t payload_length =
        wire::to_big_endian(f.immediate(payload_length_id, payload));
    std::uint64_t payload_offset = f.immediate(payload_offset_id, payload_offset_);
    const std::uint8_t* data = contents_->items()[extent_item_].data + extent_offset_;
    const auto size = static_cast<std::uint32_t>(packet_size_);
    const std::uint32_t n_iov = copied ? 1 : 2;

    std::uint8_t* bytes = out.bytes;
    iovec* iov = out.iovs;
    std::uint32_t first_iov = out.first_iov;
    for (std::size_t i = 0; i < count; ++i) {
        wire::put_prefix(bytes, header, cnt, heap_length, wire::to_big_endian(payload_offset),
                         payload_length);
        if (copied) {
            std::memcpy(bytes + prefix_size, data, payload);
            *iov++ = {bytes, packet_size_};
            bytes += packet_size_;
        } else {
            *iov++ = {bytes, prefix_size};
            *iov++ = {const_cast<std::uint8_t*>(data), payload};
            bytes += prefix_size;
        }
        out.packets[i] = {first_iov, n_iov, size, substream};
        first_iov += n_iov;
        data += payload;
        payload_offset += payload;
    }
    payload_offset_ += count * payload;
    extent_offset_ += count * payload;
}

}  // namespace spead2
