// SPDX-License-Identifier: Apache-2.0
#include "packetiser.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>

#include "extent_cursor.h"
#include "form_packetiser.h"
#include "item_pointer.h"
#include "only_packet.h"

namespace spead2::send {
namespace {

/// Copy the values of items up to \a end, or to the first that is not short. \return where that is
const heap_item* append_short(detail::extent_cursor& out, const heap_item* item,
                              const heap_item* end) noexcept {
    std::uint8_t* bytes = out.bytes;
    for (; item != end; ++item) {
        if (item->is_immediate()) continue;
        if (item->length > detail::short_piece) break;
        const auto length = static_cast<std::size_t>(item->length);
        detail::copy_short(bytes, item->data, length);
        bytes += length;
    }
    out.bytes = bytes;
    return item;
}

}  // namespace

std::uint64_t detail::late_pointer(const heap_item& item) noexcept {
    return item.pointer | wire::to_big_endian(wire::get_uint(item.data, item.length));
}

packetiser::packetiser(std::shared_ptr<const heap_contents> contents, std::uint64_t cnt,
                       std::size_t max_packet_size)
    : contents_(std::move(contents)),
      heap_length_(contents_->payload_size()),
      packet_size_(max_packet_size & ~std::size_t{7}),
      n_pointers_(contents_->items().size()),
      repeat_(contents_->repeat_pointers()) {
    if (contents_->form() != nullptr) {
        form_ = std::make_unique<detail::form_packetiser>(*contents_, max_packet_size);
        heap_length_ = form_->heap_length();
        set_cnt(cnt);
        done_ = false;
        return;
    }
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

packetiser::packetiser() noexcept = default;
packetiser::packetiser(packetiser&&) noexcept = default;
packetiser& packetiser::operator=(packetiser&&) noexcept = default;
packetiser::~packetiser() = default;

void packetiser::set_cnt(std::uint64_t cnt) noexcept {
    cnt_pointer_ = wire::to_big_endian(contents_->get_flavour().immediate(heap_cnt_id, cnt));
    if (form_ != nullptr) form_->set_cnt(cnt_pointer_);
}

std::size_t packetiser::next_size() const noexcept {
    if (form_ != nullptr) return form_->next_size();
    const std::size_t fixed = prefix_size + next_pointers() * item_pointer_size;
    return fixed + static_cast<std::size_t>(std::min<std::uint64_t>(
                       packet_size_ - fixed, heap_length_ - payload_offset_));
}

/// The next \a n item pointers.
void packetiser::write_pointers(std::uint8_t* out, std::size_t n) noexcept {
    if (repeat_) next_pointer_ = 0;
    const std::span<const heap_item> items = contents_->items();
    const std::size_t end = next_pointer_ + n;
    const heap_item* const item = items.data() + next_pointer_;
    const std::size_t count = std::min(end, items.size()) - next_pointer_;
#pragma GCC unroll 4
    for (std::size_t i = 0; i < count; ++i) out = detail::put_pointer(out, item[i]);
    // The NULL pointer that announces padding.
    if (end > items.size())
        wire::put_u64(out, contents_->get_flavour().address(null_id, contents_->payload_size()));
    next_pointer_ = end;
}

/// The next \a payload bytes of the heap's payload, the padding included.
// (Inline: as a call, which has to pass on where things go, it costs 40 instructions a packet.)
[[gnu::always_inline]] inline detail::extent_cursor packetiser::append_payload(
    detail::extent_cursor out, std::size_t payload) noexcept {
    const std::span<const heap_item> items = contents_->items();
    const heap_item* item = items.data() + extent_item_;
    const heap_item* const end = items.data() + items.size();
    // What is left of an item,
    if (extent_offset_ != 0) {
        const auto left = std::min<std::uint64_t>(payload, item->length - extent_offset_);
        out.append(item->data + extent_offset_, static_cast<std::size_t>(left));
        payload -= static_cast<std::size_t>(left);
        extent_offset_ += left;
        if (extent_offset_ != item->length) return out;
        ++item;
    }
    // then whole ones,
    while (item != end) {
        if (item->length <= detail::short_piece) {
            // So many short ones fit, whatever they have.
            const auto n =
                std::min(static_cast<std::size_t>(end - item), payload / detail::short_piece);
            const std::uint8_t* const before = out.bytes;
            item = append_short(out, item, item + n);
            payload -= static_cast<std::size_t>(out.bytes - before);
            if (item == end) break;
        }
        const std::uint64_t length = item->payload_length();
        if (length > payload) break;
        out.append(item->data, static_cast<std::size_t>(length));
        payload -= static_cast<std::size_t>(length);
        ++item;
    }
    extent_item_ = static_cast<std::size_t>(item - items.data());
    // then a part of one, or padding.
    extent_offset_ = item != end ? payload : 0;
    if (item != end)
        out.append(item->data, payload);
    else if (payload != 0)
        std::memset(out.room(payload), 0, payload);
    return out;
}

std::size_t packetiser::next(packet_batch& batch, std::uint32_t substream) noexcept {
    if (form_ != nullptr) [[unlikely]] {
        const std::size_t form_size = form_->next(batch, substream);
        done_ = form_->done();
        return form_size;
    }
    const flavour f = contents_->get_flavour();
    const std::size_t pointers = next_pointers();
    const std::size_t fixed = prefix_size + pointers * item_pointer_size;
    const std::uint64_t offset = payload_offset_;
    const std::uint64_t length = heap_length_;
    const auto payload =
        static_cast<std::size_t>(std::min<std::uint64_t>(packet_size_ - fixed, length - offset));
    const std::size_t size = fixed + payload;

    const packet_batch::run place = batch.begin_run();
    std::uint8_t* const out = place.bytes;
    wire::put_prefix(out, wire::to_big_endian(wire::packet_header(f.address_bytes(), 4 + pointers)),
                     cnt_pointer_, wire::to_big_endian(f.immediate(heap_length_id, length)),
                     wire::to_big_endian(f.immediate(payload_offset_id, offset)),
                     wire::to_big_endian(f.immediate(payload_length_id, payload)));
    if (pointers != 0) write_pointers(out + prefix_size, pointers);
    detail::extent_cursor extents = append_payload({out, out + fixed, place.iovs}, payload);
    extents.close();
    const auto n_iov = static_cast<std::uint32_t>(extents.next - place.iovs);
    *place.packets = {place.first_iov, n_iov, static_cast<std::uint32_t>(size), substream};
    batch.end_run({extents.bytes, extents.next, place.packets + 1, place.first_iov + n_iov});
    payload_offset_ = offset + payload;
    done_ = payload_offset_ == length;
    return size;
}

/// Whether write_run() can make the next packets: without item pointers, out of one item.
bool packetiser::in_bulk() const noexcept {
    if (next_pointer_ != n_pointers_ || repeat_) return false;
    const std::span<const heap_item> items = contents_->items();
    // At least one byte of the heap and of the item is left to next(), which ends both.
    return extent_item_ < items.size() && !items[extent_item_].is_immediate() &&
           items[extent_item_].length - extent_offset_ > 2 * (packet_size_ - prefix_size);
}

packetiser::run packetiser::next_run(packet_batch& batch, std::uint32_t substream,
                                     std::size_t max_count) noexcept {
    if (form_ != nullptr) [[unlikely]] {
        const std::size_t count =
            max_count > 1 ? form_->next_in_bulk(batch, substream, max_count) : 0;
        if (count != 0)
            return {static_cast<std::uint32_t>(count),
                    static_cast<std::uint32_t>(form_->full_size())};
        return {1, static_cast<std::uint32_t>(next(batch, substream))};
    }
    if (max_count > 1 && in_bulk()) {
        const std::size_t payload = packet_size_ - prefix_size;
        const std::uint64_t left = contents_->items()[extent_item_].length - extent_offset_;
        const bool copied = batch.copies(packet_size_, payload);
        const std::size_t bytes = copied ? packet_size_ : prefix_size;
        const std::size_t n_iov = copied ? 1 : 2;
        const std::size_t count =
            std::min({max_count, static_cast<std::size_t>((left - 1) / payload),
                      batch.room_for(bytes, n_iov)});
        if (count > 1) {
            write_run(batch.begin_run(), count, substream, copied);
            batch.end_run(count, bytes, n_iov);
            return {static_cast<std::uint32_t>(count), static_cast<std::uint32_t>(packet_size_)};
        }
    }
    const std::size_t size = next(batch, substream);
    std::uint32_t count = 1;
    while (count < max_count && !done_ && next_size() == size && !in_bulk() && batch.has_room()) {
        next(batch, substream);
        ++count;
    }
    return {count, static_cast<std::uint32_t>(size)};
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
    packet* const end = out.packets + count;
    for (packet* next = out.packets; next != end; ++next) {
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
        *next = {first_iov, n_iov, size, substream};
        first_iov += n_iov;
        data += payload;
        payload_offset += payload;
    }
    payload_offset_ += count * payload;
    extent_offset_ += count * payload;
}

}  // namespace spead2::send
