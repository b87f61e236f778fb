// SPDX-License-Identifier: Apache-2.0
#include "form_packetiser.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>

#include <spead2/wire/limits.h>
#include <spead2/wire/protocol.h>

#include "extent_cursor.h"
#include "heap_form.h"
#include "item_pointer.h"
#include "wire/byte_order.h"

namespace spead2::send::detail {
namespace {

[[nodiscard]] bool is_spead_id(std::uint64_t id) noexcept {
    return id >= heap_cnt_id && id <= payload_length_id;
}

[[nodiscard]] std::uint64_t item_id(const heap_item& item, const flavour& f) noexcept {
    return (wire::to_big_endian(item.pointer) & ~(std::uint64_t{1} << 63)) >> f.heap_address_bits();
}

[[nodiscard]] std::uint64_t item_offset(const heap_item& item, const flavour& f) noexcept {
    return wire::to_big_endian(item.pointer) & f.max_address();
}

}  // namespace

form_packetiser::form_packetiser(const heap_contents& contents, std::size_t max_packet_size)
    : contents_(contents), packet_size_(max_packet_size & ~std::size_t{7}) {
    const heap_form& form = *contents.form();
    std::uint64_t padding = form.padding;
    const bool null_chosen =
        std::find(form.order.begin(), form.order.end(), null_id) != form.order.end();
    // A packet has at least one byte of payload.
    if (!form.is_part && contents.payload_size() == 0) {
        if (!null_chosen && !form.order.empty())
            throw std::invalid_argument(
                "a heap without payload needs item pointer 0 (NULL) in its pointer order, for the "
                "byte of padding that it gets");
        padding = 1;
    }
    heap_length_ = contents.payload_size() + padding;
    const flavour& f = contents.get_flavour();
    if (heap_length_ > f.max_address())
        throw std::invalid_argument("heap has " + std::to_string(heap_length_) +
                                    " bytes of payload, but " + f.to_string() + " allows only " +
                                    std::to_string(f.max_address()));
    repeat_ = contents.repeat_pointers() || form.pointers == part_pointers::every;
    n_pointers_ = contents.items().size() + (padding != 0 ? 1 : 0);
    order_pointers();
    if (form.pointers == part_pointers::none) {
        n_pointers_ = 0;
        chosen_.clear();
    }
    find_extents();
    if (padding != 0 && (!form.is_part || form.padding_held))
        extents_.push_back({contents.payload_size(), nullptr, padding, 1, 0});
    fit_pointers(max_packet_size);
}

/// Which item pointers packets have, and in which order.
void form_packetiser::order_pointers() {
    const std::vector<std::uint64_t>& order = contents_.form()->order;
    if (order.empty()) {
        for (const std::uint64_t id :
             {heap_cnt_id, heap_length_id, payload_offset_id, payload_length_id})
            always_.push_back({false, static_cast<std::size_t>(id), false});
        return;
    }
    const std::span<const heap_item> items = contents_.items();
    const flavour& f = contents_.get_flavour();
    const auto id_of = [&](std::size_t item) {
        return item < items.size() ? item_id(items[item], f) : null_id;
    };
    std::vector<bool> used(n_pointers_);
    // Of pointers with one address receivers give the last one the bytes. An item without any that
    // comes behind the one that has them is therefore said to be at the end.
    const auto would_get_bytes = [&](std::size_t item) {
        if (item >= items.size() || items[item].is_immediate() || items[item].length != 0)
            return false;
        const auto same_place =
            std::find_if(items.begin() + static_cast<std::ptrdiff_t>(item), items.end(),
                         [](const heap_item& other) { return other.payload_length() != 0; });
        const auto number = static_cast<std::size_t>(same_place - items.begin());
        return number < n_pointers_ && used[number];
    };
    std::size_t next = 0;  // the item that is next if all are in the order of the heap
    for (const std::uint64_t id : order) {
        if (is_spead_id(id)) {
            always_.push_back({false, static_cast<std::size_t>(id), false});
            chosen_.push_back(always_.back());
            continue;
        }
        std::size_t item = next;
        if (item >= n_pointers_ || used[item] || id_of(item) != id)
            for (item = 0; item < n_pointers_ && (used[item] || id_of(item) != id); ++item) {
            }
        if (item == n_pointers_)
            throw std::invalid_argument("the pointer order has item " + std::to_string(id) +
                                        ", which the heap has not, or not as often");
        used[item] = true;
        next = item + 1;
        chosen_.push_back({true, item, would_get_bytes(item)});
    }
    const auto left = std::find(used.begin(), used.end(), false);
    if (left != used.end())
        throw std::invalid_argument(
            "the heap has item " +
            std::to_string(id_of(static_cast<std::size_t>(left - used.begin()))) +
            ", which the pointer order lacks");
}

/// How many item pointers packets take, and whether those that have some can have payload too.
void form_packetiser::fit_pointers(std::size_t max_packet_size) {
    const std::size_t fixed = header_size + always_.size() * item_pointer_size;
    if (packet_size_ < min_packet_size)
        throw std::invalid_argument("max_packet_size " + std::to_string(max_packet_size) +
                                    " is below the minimum of " + std::to_string(min_packet_size) +
                                    " bytes");
    max_pointers_ = std::min((packet_size_ - fixed - item_pointer_size) / item_pointer_size,
                             max_packet_pointers - always_.size());
    if ((repeat_ || !chosen_.empty()) && n_pointers_ > max_pointers_)
        throw std::invalid_argument((repeat_ ? "repeated pointers need" : "a pointer order needs") +
                                    std::string(" room for ") + std::to_string(n_pointers_) +
                                    " item pointers in a packet, but one of max_packet_size " +
                                    std::to_string(max_packet_size) + " takes only " +
                                    std::to_string(max_pointers_));
    std::uint64_t held = 0;
    for (const extent& e : extents_) held += e.length * e.count;
    const std::size_t packets =
        repeat_ || n_pointers_ < max_pointers_ ? 1 : n_pointers_ / max_pointers_ + 1;
    const std::uint64_t needed = (packets - 1) * item_pointer_size + 1;
    if (held < needed)
        throw std::invalid_argument(
            "the part has " + std::to_string(held) + " bytes of payload, but its " +
            std::to_string(n_pointers_) + " item pointers take " + std::to_string(packets) +
            (packets == 1 ? " packet" : " packets") + ", for which at least " +
            std::to_string(needed) + " are needed: give it padding, or send nothing");
}

/// What is held here, in the order of the payload.
void form_packetiser::find_extents() {
    const heap_form& form = *contents_.form();
    const std::span<const heap_item> items = contents_.items();
    const flavour& f = contents_.get_flavour();
    auto held = form.blocks.begin();
    extents_.reserve(items.size() + form.blocks.size() + 1);
    for (std::size_t i = 0; i < items.size(); ++i) {
        const heap_item& item = items[i];
        if (item.payload_length() == 0) continue;
        const std::uint64_t offset = item_offset(item, f);
        if (item.data != nullptr) extents_.push_back({offset, item.data, item.length, 1, 0});
        for (; held != form.blocks.end() && held->item == i; ++held)
            extents_.push_back({offset + held->blocks.offset,
                                static_cast<const std::uint8_t*>(held->blocks.data),
                                held->blocks.length, held->blocks.count, held->blocks.stride});
    }
}

// ---- Where the next packet begins

/// How many of the next bytes, at most \a most, follow one another in the heap.
std::size_t form_packetiser::contiguous(std::size_t most) const noexcept {
    place at = here_;
    std::uint64_t end = extents_[at.extent].end_of(at.block);
    std::uint64_t bytes = extents_[at.extent].length - at.done;
    while (bytes < most) {
        next_block(at);
        if (at.extent == extents_.size() || extents_[at.extent].begin_of(at.block) != end) break;
        end = extents_[at.extent].end_of(at.block);
        bytes += extents_[at.extent].length;
    }
    return static_cast<std::size_t>(std::min<std::uint64_t>(bytes, most));
}

void form_packetiser::next_block(place& at) const noexcept {
    at.done = 0;
    if (++at.block == extents_[at.extent].count) {
        at.block = 0;
        ++at.extent;
    }
}

/// Put the next \a payload bytes behind the headers.
void form_packetiser::append_payload(extent_cursor& out, std::size_t payload) noexcept {
    while (payload != 0) {
        const extent& e = extents_[here_.extent];
        const auto n =
            static_cast<std::size_t>(std::min<std::uint64_t>(payload, e.length - here_.done));
        if (e.data != nullptr)
            out.append(e.data + here_.block * e.length + here_.done, n);
        else
            std::memset(out.room(n), 0, n);
        payload -= n;
        here_.done += n;
        if (here_.done == e.length) next_block(here_);
    }
}

// ---- Item pointers

/// Whether the next packet has the item pointers of all items.
bool form_packetiser::all_pointers() const noexcept {
    return repeat_ || (next_pointer_ == 0 && !chosen_.empty());
}

/// Item pointers of items in the next packet.
std::size_t form_packetiser::next_pointers() const noexcept {
    return all_pointers() ? n_pointers_ : std::min(max_pointers_, n_pointers_ - next_pointer_);
}

std::size_t form_packetiser::next_header_size() const noexcept {
    return header_size + (always_.size() + next_pointers()) * item_pointer_size;
}

/// One of the pointers that SPEAD adds.
std::uint64_t form_packetiser::spead_pointer(std::size_t id, std::size_t payload) const noexcept {
    const flavour& f = contents_.get_flavour();
    const auto pointer = [&](std::uint64_t value) {
        return wire::to_big_endian(f.immediate(id, value));
    };
    switch (id) {
        case heap_cnt_id:
            return cnt_pointer_;
        case heap_length_id:
            return pointer(heap_length_);
        case payload_offset_id:
            return pointer(extents_[here_.extent].begin_of(here_.block) + here_.done);
        default:
            return pointer(payload);
    }
}

std::uint8_t* form_packetiser::write_item_pointer(std::uint8_t* out,
                                                  std::size_t number) const noexcept {
    const std::span<const heap_item> items = contents_.items();
    if (number < items.size()) return put_pointer(out, items[number]);
    return wire::put_u64(out, contents_.get_flavour().address(null_id, contents_.payload_size()));
}

/// The header and item pointers of the next packet. \return where its payload goes
std::uint8_t* form_packetiser::write_header(std::uint8_t* out, std::size_t payload) noexcept {
    const std::size_t n = next_pointers();
    const bool all = all_pointers() && !chosen_.empty();
    std::uint8_t* const begin = out;
    out = wire::put_u64(
        out, wire::packet_header(contents_.get_flavour().address_bytes(), always_.size() + n));
    offset_at_ = 0;
    for (const pointer& p : all ? chosen_ : always_) {
        if (p.is_item) {
            const flavour& f = contents_.get_flavour();
            out = p.at_end ? wire::put_u64(out, f.address(item_id(contents_.items()[p.number], f),
                                                          heap_length_))
                           : write_item_pointer(out, p.number);
            continue;
        }
        if (p.number == payload_offset_id) offset_at_ = static_cast<std::size_t>(out - begin);
        const std::uint64_t value = spead_pointer(p.number, payload);
        std::memcpy(out, &value, sizeof value);
        out += sizeof value;
    }
    if (repeat_) next_pointer_ = 0;
    if (!all)
        for (std::size_t i = 0; i < n; ++i) out = write_item_pointer(out, next_pointer_ + i);
    next_pointer_ += n;
    return out;
}

// ---- Packets

std::size_t form_packetiser::next_size() const noexcept {
    const std::size_t fixed = next_header_size();
    return fixed + contiguous(packet_size_ - fixed);
}

std::size_t form_packetiser::next(packet_batch& batch, std::uint32_t substream) noexcept {
    const std::size_t fixed = next_header_size();
    const std::size_t payload = contiguous(packet_size_ - fixed);
    const packet_batch::run place = batch.begin_run();
    extent_cursor extents{place.bytes, write_header(place.bytes, payload), place.iovs};
    append_payload(extents, payload);
    extents.close();
    const auto n_iov = static_cast<std::uint32_t>(extents.next - place.iovs);
    *place.packets = {place.first_iov, n_iov, static_cast<std::uint32_t>(fixed + payload),
                      substream};
    batch.end_run({extents.bytes, extents.next, place.packets + 1, place.first_iov + n_iov});
    return fixed + payload;
}

std::size_t form_packetiser::next_in_bulk(packet_batch& batch, std::uint32_t substream,
                                          std::size_t max_count) noexcept {
    // All must have the same item pointers, and leave a byte of the block to next(), which ends it.
    if (!repeat_ && next_pointer_ != n_pointers_) return 0;
    const extent& e = extents_[here_.extent];
    const std::size_t fixed = next_header_size();
    const std::size_t payload = packet_size_ - fixed;
    const std::uint64_t left = e.length - here_.done;
    if (e.data == nullptr || left <= 2 * payload) return 0;
    const bool copied = batch.copies(packet_size_, payload);
    const std::size_t bytes = copied ? packet_size_ : fixed;
    const std::size_t n_iov = copied ? 1 : 2;
    const std::size_t count = std::min(
        {max_count, static_cast<std::size_t>((left - 1) / payload), batch.room_for(bytes, n_iov)});
    if (count < 2) return 0;
    const packet_batch::run out = batch.begin_run();
    static_cast<void>(write_header(out.bytes, payload));
    write_bulk(out, {count, fixed, payload, substream, copied},
               e.data + here_.block * e.length + here_.done);
    batch.end_run(count, bytes, n_iov);
    here_.done += count * payload;
    return count;
}

/// Packets that differ in nothing but payload and its offset. The header of the first is written.
void form_packetiser::write_bulk(const packet_batch::run& out, const bulk& b,
                                 const std::uint8_t* data) const noexcept {
    const flavour& f = contents_.get_flavour();
    std::uint64_t offset =
        f.immediate(payload_offset_id, extents_[here_.extent].begin_of(here_.block) + here_.done);
    const std::uint8_t* const header = out.bytes;
    const auto size = static_cast<std::uint32_t>(packet_size_);
    const std::uint32_t n_iov = b.copied ? 1 : 2;
    std::uint8_t* bytes = out.bytes;
    iovec* iov = out.iovs;
    std::uint32_t first_iov = out.first_iov;
    packet* const end = out.packets + b.count;
    for (packet* next = out.packets; next != end; ++next) {
        if (bytes != header) {
            if (b.header == prefix_size)
                std::memcpy(bytes, header, prefix_size);
            else
                std::memcpy(bytes, header, b.header);
            if (offset_at_ != 0) wire::put_u64(bytes + offset_at_, offset);
        }
        if (b.copied) {
            std::memcpy(bytes + b.header, data, b.payload);
            *iov++ = {bytes, packet_size_};
            bytes += packet_size_;
        } else {
            *iov++ = {bytes, b.header};
            *iov++ = {const_cast<std::uint8_t*>(data), b.payload};
            bytes += b.header;
        }
        *next = {first_iov, n_iov, size, b.substream};
        first_iov += n_iov;
        data += b.payload;
        offset += b.payload;
    }
}

}  // namespace spead2::send::detail
