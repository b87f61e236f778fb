// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/heap.h>

#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "send/packets/packet_batch.h"
#include "wire/byte_order.h"

namespace spead2::send {

heap_contents::~heap_contents() {
    for (const heap_owner& owner : owners_) owner.release(owner.object);
}

heap::heap(flavour f) : contents_(std::make_shared<heap_contents>(f)) {}

heap_contents& heap::writable() {
    if (contents_.use_count() > 1) {
        // A stream still sends the old contents, and they own the memory that ours refer to.
        auto copy = std::make_shared<heap_contents>(contents_->flavour_);
        copy->repeat_pointers_ = contents_->repeat_pointers_;
        copy->kind_ = contents_->kind_;
        copy->payload_size_ = contents_->payload_size_;
        copy->items_ = contents_->items_;
        std::shared_ptr<heap_contents> old = std::exchange(contents_, std::move(copy));
        keep_alive(std::shared_ptr<const void>(std::move(old)));
    }
    return *contents_;
}

void heap::set_repeat_pointers(bool repeat) {
    if (repeat != repeat_pointers()) writable().repeat_pointers_ = repeat;
}

void heap::add_item(std::uint64_t id, const void* data, std::size_t length, bool allow_immediate) {
    const flavour f = get_flavour();
    f.check_id(id);
    heap_contents& c = writable();
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

void heap::keep_alive(heap_owner owner) { writable().owners_.push_back(owner); }

void heap::keep_alive(std::shared_ptr<const void> owner) {
    auto holder = std::make_unique<std::shared_ptr<const void>>(std::move(owner));
    keep_alive(heap_owner{holder.get(), [](void* object) noexcept {
                              std::unique_ptr<std::shared_ptr<const void>>(
                                  static_cast<std::shared_ptr<const void>*>(object));
                          }});
    static_cast<void>(holder.release());
}

void heap::reserve(std::size_t n) {
    heap_contents& c = writable();
    c.items_.reserve(c.items_.size() + n);
    c.owners_.reserve(c.owners_.size() + n);
}

}  // namespace spead2::send
