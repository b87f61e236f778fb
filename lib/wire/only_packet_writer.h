// SPDX-License-Identifier: Apache-2.0
// Makes the packets of heaps that need only one each, many in a row: what is the same from one heap
// to the next is worked out once, and where things go is kept in registers. In a header, so that
// the loop over the heaps has it inline.
#pragma once

#include <cstddef>
#include <cstdint>

#include <spead2/wire/heap.h>
#include <spead2/wire/packet_batch.h>
#include <spead2/wire/protocol.h>

#include "extent_cursor.h"
#include "item_pointer.h"

namespace spead2::wire {

/// Owns the end of a batch while it lives: nothing else may be added meanwhile.
class only_packet_writer {
public:
    explicit only_packet_writer(packet_batch& batch) noexcept
        : batch_(batch), next_(batch.begin_run()), last_(batch.last_room()) {}
    only_packet_writer(const only_packet_writer&) = delete;
    only_packet_writer& operator=(const only_packet_writer&) = delete;
    ~only_packet_writer() { batch_.end_run(next_); }

    /// Whether one more packet is sure to fit.
    [[nodiscard]] bool has_room() const noexcept {
        return next_.packets <= last_.packets && next_.iovs <= last_.iovs &&
               next_.bytes <= last_.bytes;
    }

    /// Make the packet of a heap, of \a size bytes as only_packet_size() has them. Only while
    /// has_room().
    void write(const heap_contents& contents, std::uint64_t cnt, std::uint32_t size,
               std::uint32_t substream) noexcept {
        const std::vector<heap_item>& items = contents.items();
        const std::size_t n_pointers = items.size();
        if (size != size_ || n_pointers != n_pointers_ || !(contents.get_flavour() == flavour_))
            set_prefix(contents.get_flavour(), n_pointers, size);
        std::uint8_t* const header = next_.bytes;
        put_prefix(header, header_, to_big_endian(cnt_pointer_ | (cnt & cnt_mask_)), heap_length_,
                   payload_offset_, payload_length_);
        std::uint8_t* out = header + prefix_size;
        extent_cursor extents{header, out + n_pointers * item_pointer_size, next_.iovs};
        for (const heap_item& item : items) {
            out = put_pointer(out, item);
            extents.append(item.data, static_cast<std::size_t>(item.payload_length()));
        }
        extents.close();
        iovec* const iov = extents.next;
        const auto n_iov = static_cast<std::uint32_t>(iov - next_.iovs);
        *next_.packets = {next_.first_iov, n_iov, size, substream};
        next_ = {extents.bytes, iov, next_.packets + 1, next_.first_iov + n_iov};
    }

private:
    void set_prefix(flavour f, std::size_t n_pointers, std::uint32_t size) noexcept {
        flavour_ = f;
        n_pointers_ = n_pointers;
        size_ = size;
        const std::size_t payload = size - prefix_size - n_pointers * item_pointer_size;
        header_ = to_big_endian(packet_header(f.address_bytes(), 4 + n_pointers));
        heap_length_ = to_big_endian(f.immediate(heap_length_id, payload));
        payload_offset_ = to_big_endian(f.immediate(payload_offset_id, 0));
        payload_length_ = to_big_endian(f.immediate(payload_length_id, payload));
        cnt_pointer_ = f.immediate(heap_cnt_id, 0);
        cnt_mask_ = f.max_address();
    }

    packet_batch& batch_;
    packet_batch::run next_;
    packet_batch::run last_;

    // What the prefix below is for; no packet has this size.
    std::uint32_t size_ = 0;
    std::size_t n_pointers_ = 0;
    flavour flavour_;
    // In network order but for the cnt.
    std::uint64_t header_ = 0;
    std::uint64_t heap_length_ = 0;
    std::uint64_t payload_offset_ = 0;
    std::uint64_t payload_length_ = 0;
    std::uint64_t cnt_pointer_ = 0;
    std::uint64_t cnt_mask_ = 0;
};

}  // namespace spead2::wire
