// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/heap_group.h>

#include <memory>
#include <new>
#include <utility>

#include "send/driver/group.h"

namespace spead2::send {

using detail::group_state;

heap_group::heap_group() noexcept {
    static_assert(sizeof(group_state) <= sizeof state_ && alignof(group_state) <= 8);
    ::new (state_) group_state(*this);
}

heap_group::~heap_group() { std::destroy_at(&state()); }

group_state& heap_group::state() noexcept {
    return *std::launder(reinterpret_cast<group_state*>(state_));
}
const group_state& heap_group::state() const noexcept {
    return *std::launder(reinterpret_cast<const group_state*>(state_));
}

void heap_group::add(heap_reference reference, std::size_t max_packet_size) {
    state().add(std::move(reference), max_packet_size);
}

namespace {

/// Adds listed heaps; what is the same for many in a row is worked out once.
class listed_heaps_adder {
public:
    listed_heaps_adder(group_state& group, std::size_t max_packet_size) noexcept
        : group_(group), max_packet_size_(max_packet_size) {}

    void add(const listed_heap& h) {
        if (!h.as_it_was()) {
            group_.add({h.source->contents(), h.cnt, h.substream_index, h.rate}, max_packet_size_);
            return;
        }
        const heap_contents& contents = *h.contents;
        const std::uint64_t kind = detail::heap_kind::of(contents);
        if (kind != kind_ || contents.payload_size() != payload_) {
            kind_ = kind;
            payload_ = contents.payload_size();
            only_ = only_packet::of(contents, max_packet_size_);
        }
        group_.add_kept(contents, only_, h.cnt, h.substream_index, h.rate, max_packet_size_);
    }

private:
    group_state& group_;
    const std::size_t max_packet_size_;
    // Of the heap before.
    only_packet only_{};
    std::uint64_t kind_ = 0;
    std::uint64_t payload_ = 0;
};

}  // namespace

void heap_group::add_kept(std::span<const listed_heap* const> heaps, std::size_t max_packet_size) {
    listed_heaps_adder adder(state(), max_packet_size);
    for (const listed_heap* const h : heaps) adder.add(*h);
}

void heap_group::add_kept(heap_list& heaps, std::size_t max_packet_size) {
    if (heaps.give_packets(*this, max_packet_size)) return;
    reserve(heaps.size());
    listed_heaps_adder adder(state(), max_packet_size);
    for (const listed_heap& h : heaps.heaps()) adder.add(h);
}

void heap_group::reserve(std::size_t heaps) { state().reserve(heaps); }
void heap_group::keep_alive(heap_owner owner) noexcept { state().owner = owner; }
void heap_group::set_mode(group_mode mode) noexcept { state().mode = mode; }
void heap_group::set_turn_packets(std::size_t packets) noexcept { state().turn_packets = packets; }
std::size_t heap_group::size() const noexcept { return state().size(); }
std::uint64_t heap_group::payload_size() const noexcept { return state().payload_size; }
const std::error_code& heap_group::error() const noexcept { return state().error; }
std::size_t heap_group::failed_substream() const noexcept { return state().failed_substream; }
std::uint64_t heap_group::bytes_sent() const noexcept { return state().bytes_sent; }

}  // namespace spead2::send
