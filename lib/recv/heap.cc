// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/heap.h>

#include <algorithm>
#include <mutex>
#include <string>

#include <spead2/base/log.h>
#include <spead2/wire/protocol.h>

#include "log/log_book.h"
#include "wire/item_list.h"

namespace spead2::recv {
namespace {

/// Descriptors that cannot be read are the sender's doing: they must not flood the log.
void log_descriptor_fault(const std::string& text) {
    static std::mutex mutex;
    static log_limiter limiter;
    std::uint64_t left_out = 0;
    {
        const std::lock_guard lock(mutex);
        if (!limiter.admit()) return;
        left_out = limiter.take_left_out();
    }
    if (left_out != 0) log_message(log_level::warning, log_limiter::text(left_out));
    log_message(log_level::info, text);
}

}  // namespace

std::span<const raw_item> heap::items() const {
    if (items_found_) return items_;
    items_.clear();  // what an earlier call had found when there was no memory for more
    empty_items_.clear();
    items_.reserve(pointers_.size());
    const auto address_bytes = static_cast<std::size_t>(heap_address_bits_) / 8;
    wire::for_each_item(
        pointers_.data(), pointers_.size(), heap_address_bits_, payload_size_, complete_,
        [&](std::uint64_t id, bool immediate, std::uint64_t value, std::uint64_t length,
            std::size_t index) {
            if (id <= descriptor_id) return;
            if (length == 0) {
                empty_items_.push_back(id);
                return;
            }
            // The bytes of an immediate are the end of its pointer, which is in network order.
            auto* const pointer =
                reinterpret_cast<std::uint8_t*>(const_cast<std::uint64_t*>(&pointers_[index]));
            items_.push_back({id, immediate ? value : 0,
                              immediate ? pointer + 8 - address_bytes : payload_.data() + value,
                              static_cast<std::size_t>(length), immediate});
        });
    items_found_ = true;
    return items_;
}

std::vector<descriptor> heap::descriptors() const {
    std::vector<descriptor> all;
    if (!complete_) return all;
    wire::for_each_item(pointers_.data(), pointers_.size(), heap_address_bits_, payload_size_, true,
                        [&](std::uint64_t id, bool immediate, std::uint64_t value,
                            std::uint64_t length, std::size_t) {
                            if (id != descriptor_id || immediate || length == 0) return;
                            auto some = decode_descriptors(
                                {payload_.data() + value, static_cast<std::size_t>(length)},
                                bug_compat_, log_descriptor_fault);
                            all.insert(all.end(), std::make_move_iterator(some.begin()),
                                       std::make_move_iterator(some.end()));
                        });
    return all;
}

std::span<const std::uint64_t> heap::empty_items() const {
    static_cast<void>(items());
    return empty_items_;
}

bool heap::has_control(std::uint64_t value) const noexcept {
    const std::uint64_t pointer =
        wire::to_big_endian(flavour(4, 64, heap_address_bits_).immediate(stream_ctrl_id, value));
    return std::find(pointers_.begin(), pointers_.end(), pointer) != pointers_.end();
}

bool heap::is_start_of_stream() const noexcept { return has_control(ctrl_stream_start); }
bool heap::is_end_of_stream() const noexcept { return has_control(ctrl_stream_stop); }

void heap::recycle(std::size_t max_payload) noexcept {
    constexpr std::size_t few = 64;
    if (payload_.allocator() != nullptr || payload_.capacity() > max_payload) payload_ = memory();
    if (pointers_.capacity() > few)
        pointers_ = {};
    else
        pointers_.clear();
    if (items_.capacity() > few)
        items_ = {};
    else
        items_.clear();
    empty_items_ = {};
    ranges_ = {};
    items_found_ = false;
    complete_ = false;
    length_ = -1;
    received_ = 0;
    payload_size_ = 0;
}

}  // namespace spead2::recv
