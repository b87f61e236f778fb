// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/heap.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "send/packets/heap_form.h"
#include "send/packets/packet_batch.h"
#include "wire/byte_order.h"

namespace spead2::send {

heap_contents::heap_contents(flavour f) noexcept
    : flavour_(f),
      kind_(static_cast<std::uint64_t>(f.heap_address_bits()) | 1),
      memory_(room_.data(), room_.size()) {}

heap_contents::~heap_contents() {
    for (const heap_owner& owner : owners_) owner.release(owner.object);
}

namespace {

/// Blocks must lie inside an item of \a length bytes, behind \a begin.
void check_blocks(const item_blocks& b, std::uint64_t begin, std::uint64_t length) {
    if (b.count == 0 || b.length == 0) return;
    const bool spaced = b.count == 1 || (b.stride >= b.length && b.stride <= length);
    // (No product overflows: each block takes at least a byte of the item.)
    if (b.data != nullptr && b.offset >= begin && spaced && b.length <= length &&
        b.offset <= length - b.length &&
        (b.count == 1 || b.count - 1 <= (length - b.length - b.offset) / b.stride))
        return;
    throw std::invalid_argument(std::to_string(b.count) + " blocks of " + std::to_string(b.length) +
                                " bytes from offset " + std::to_string(b.offset) + " on, every " +
                                std::to_string(b.stride) + " bytes, do not lie between " +
                                std::to_string(begin) + " and " + std::to_string(length) +
                                " without overlap, or have no memory");
}

}  // namespace

heap::heap(flavour f) : contents_(std::make_shared<heap_contents>(f)) {}

void heap::keep_in(heap_contents& contents, std::shared_ptr<const void> owner) {
    auto holder = std::make_unique<std::shared_ptr<const void>>(std::move(owner));
    contents.owners_.push_back({holder.get(), [](void* object) noexcept {
                                    std::unique_ptr<std::shared_ptr<const void>>(
                                        static_cast<std::shared_ptr<const void>*>(object));
                                }});
    static_cast<void>(holder.release());
}

/// A stream still sends the contents: have others. The old ones own the memory that ours refer to.
heap_contents& heap::separate() {
    auto copy = std::make_shared<heap_contents>(contents_->flavour_);
    copy->repeat_pointers_ = contents_->repeat_pointers_;
    copy->kind_ = contents_->kind_;
    copy->payload_size_ = contents_->payload_size_;
    copy->items_ = contents_->items_;
    if (contents_->form_) copy->form_ = std::make_unique<heap_form>(*contents_->form_);
    keep_in(*copy, contents_);
    contents_ = std::move(copy);
    return *contents_;
}

heap_form& heap::writable_form() {
    heap_contents& c = writable();
    if (!c.form_) {
        c.form_ = std::make_unique<heap_form>();
        c.kind_ |= heap_contents::kind_of_form;
    }
    return *c.form_;
}

void heap::set_repeat_pointers(bool repeat) {
    if (repeat != repeat_pointers()) writable().repeat_pointers_ = repeat;
}

void heap::add_to(heap_contents& c, std::uint64_t id, const void* data, std::size_t length,
                  bool allow_immediate) {
    const flavour f = c.flavour_;
    f.check_id(id);
    const auto* const bytes = static_cast<const std::uint8_t*>(data);
    if (allow_immediate && length <= f.address_bytes()) {
        c.add({wire::to_big_endian(f.immediate(id, 0)), bytes, length});
        c.kind_ &= ~std::uint64_t{1};
    } else {
        c.add({wire::to_big_endian(f.address(id, c.payload_size_)), bytes, length});
        c.payload_size_ += length;
        if (length != 0 && length <= packet_batch::small_extent) c.kind_ &= ~std::uint64_t{1};
    }
}

void heap::add_item(std::uint64_t id, const void* data, std::size_t length, bool allow_immediate) {
    get_flavour().check_id(id);
    add_to(writable(), id, data, length, allow_immediate);
}

void heap::add_copy(std::uint64_t id, const void* data, std::size_t length) {
    get_flavour().check_id(id);
    heap_contents& c = writable();
    void* const copy = c.memory_.allocate(length, 1);
    if (length != 0) std::memcpy(copy, data, length);
    add_to(c, id, copy, length, false);
}

/// What is added needs its owner: the heap has both, or neither.
template <typename Add>
void heap::add_owned(heap_owner& owner, Add&& add) {
    heap_contents& c = writable();
    c.owners_.push_back(owner);
    try {
        add(c);
    } catch (...) {
        c.owners_.pop_back();
        throw;
    }
    owner = {nullptr, nullptr};
}

void heap::add_item(std::uint64_t id, heap_owner& owner, const void* data, std::size_t length,
                    bool allow_immediate) {
    add_owned(owner, [&](heap_contents& c) { add_to(c, id, data, length, allow_immediate); });
}

void heap::add_item_part(std::uint64_t id, heap_owner& owner, std::uint64_t length,
                         std::span<const item_blocks> held) {
    add_owned(owner, [&](heap_contents&) { add_item_part(id, length, held); });
}

void heap::add_item(std::uint64_t id, std::shared_ptr<const void> owner, const void* data,
                    std::size_t length, bool allow_immediate) {
    get_flavour().check_id(id);
    keep_alive(std::move(owner));
    add_item(id, data, length, allow_immediate);
}

void heap::add_immediate(std::uint64_t id, std::uint64_t value) {
    const flavour f = get_flavour();
    f.check_id(id);
    if (value > f.max_address())
        throw std::invalid_argument(
            "immediate value " + std::to_string(value) + " of item " + std::to_string(id) +
            " is above " + std::to_string(f.max_address()) + ", the largest for " + f.to_string());
    writable().add({wire::to_big_endian(f.immediate(id, value)), nullptr, 0});
}

void heap::add_descriptor(const descriptor& d) {
    auto encoded =
        std::make_shared<const std::vector<std::uint8_t>>(encode_descriptor(d, get_flavour()));
    const std::uint8_t* data = encoded->data();
    const std::size_t length = encoded->size();
    add_item(descriptor_id, std::move(encoded), data, length, false);
}

void heap::add_start() { add_immediate(stream_ctrl_id, ctrl_stream_start); }

void heap::add_end() { add_immediate(stream_ctrl_id, ctrl_stream_stop); }

void heap::set_part(part_pointers pointers) {
    heap_form& form = writable_form();
    form.is_part = true;
    form.pointers = pointers;
}

bool heap::is_part() const noexcept {
    return contents_->form() != nullptr && contents_->form()->is_part;
}

void heap::add_item_part(std::uint64_t id, std::uint64_t length,
                         std::span<const item_blocks> held) {
    const flavour f = get_flavour();
    f.check_id(id);
    check_is_part();
    const std::uint64_t most = f.max_address() - std::min(f.max_address(), view().payload_size());
    if (length > most)
        throw std::invalid_argument(
            "item of " + std::to_string(length) + " bytes after " +
            std::to_string(view().payload_size()) + ": the payload would exceed the " +
            std::to_string(f.max_address()) + " that " + f.to_string() + " allows");
    std::uint64_t end = 0;
    std::uint64_t bytes = 0;
    for (const item_blocks& b : held) {
        check_blocks(b, end, length);
        if (b.count != 0 && b.length != 0) end = b.offset + (b.count - 1) * b.stride + b.length;
        bytes += b.length * b.count;
    }
    heap_form& form = writable_form();
    heap_contents& c = writable();
    for (const item_blocks& b : held)
        if (b.length * b.count != 0) form.blocks.push_back({c.items_.size(), b});
    form.elsewhere += length - bytes;
    c.add({wire::to_big_endian(f.address(id, c.payload_size_)), nullptr, length});
    c.payload_size_ += length;
}

void heap::set_part_padding(std::uint64_t bytes, bool held) {
    check_is_part();
    heap_form& form = writable_form();
    form.padding = bytes;
    form.padding_held = held;
}

std::uint64_t heap::held_size() const noexcept {
    const heap_form* const form = contents_->form();
    return contents_->payload_size() - (form != nullptr ? form->elsewhere : 0);
}

void heap::check_is_part() const {
    if (!is_part())
        throw std::invalid_argument("the heap is not a part of a heap: call set_part() first");
}

void heap::set_pointer_order(std::vector<std::uint64_t> ids, bool missing_ok) {
    const auto has = [&](std::uint64_t id) { return std::count(ids.begin(), ids.end(), id); };
    for (const auto& [id, name] :
         {std::pair{heap_cnt_id, "heap cnt"}, std::pair{heap_length_id, "heap length"},
          std::pair{payload_offset_id, "payload offset"},
          std::pair{payload_length_id, "payload length"}}) {
        const auto n = has(id);
        if (n > 1)
            throw std::invalid_argument("the pointer order has " + std::to_string(id) + " (" +
                                        name + ") " + std::to_string(n) + " times");
        if (n == 0 && id != heap_length_id && !missing_ok && !ids.empty())
            throw std::invalid_argument(
                std::string("the pointer order lacks ") + std::to_string(id) + " (" + name +
                "), without which receivers of SPEAD drop the packets: set missing_ok if yours "
                "does not need it");
    }
    const flavour& f = get_flavour();
    for (const std::uint64_t id : ids)
        if (id != null_id) f.check_id(id);
    if (ids.empty() && !is_part()) {
        if (contents_->form() == nullptr) return;
        heap_contents& c = writable();
        c.form_.reset();
        c.kind_ &= ~heap_contents::kind_of_form;
        return;
    }
    heap_form& form = writable_form();
    form.order = std::move(ids);
    form.missing_ok = missing_ok;
}

std::span<const std::uint64_t> heap::pointer_order() const noexcept {
    const heap_form* const form = contents_->form();
    return form != nullptr ? std::span<const std::uint64_t>(form->order)
                           : std::span<const std::uint64_t>();
}

void heap::keep_alive(heap_owner owner) { writable().owners_.push_back(owner); }

void heap::keep_alive(std::shared_ptr<const void> owner) { keep_in(writable(), std::move(owner)); }

void heap::reserve(std::size_t n) {
    heap_contents& c = writable();
    c.items_.reserve(c.items_.size() + n);
    c.owners_.reserve(c.owners_.size() + n);
}

}  // namespace spead2::send
