// SPDX-License-Identifier: Apache-2.0
// Makes the packets of heaps that need only one each, many in a row: what is the same from one heap
// to the next is worked out once, and where things go is kept in registers. In a header, so that
// the loop over the heaps has it inline.
#pragma once

#include <cstddef>
#include <cstdint>

#include <spead2/send/heap.h>
#include <spead2/wire/protocol.h>

#include "extent_cursor.h"
#include "item_pointer.h"
#include "only_packet.h"
#include "packet_batch.h"

namespace spead2::send::detail {

/// Owns the end of a batch while it lives: nothing else may be added meanwhile.
class only_packet_writer {
public:
    explicit only_packet_writer(packet_batch& batch) noexcept
        : batch_(batch), next_(batch.begin_run()) {}
    only_packet_writer(const only_packet_writer&) = delete;
    only_packet_writer& operator=(const only_packet_writer&) = delete;
    ~only_packet_writer() { batch_.end_run(next_); }

    /// The packets of write() are of this form from now on. \a f is the flavour of the heaps.
    void set_form(const only_packet& form, const flavour& f) noexcept {
        form_ = form;
        fixed_ = prefix_size + form.n_pointers() * item_pointer_size;
        const std::size_t payload = form.size - fixed_;
        header_ =
            wire::to_big_endian(wire::packet_header(f.address_bytes(), 4 + form.n_pointers()));
        heap_length_ = wire::to_big_endian(f.immediate(heap_length_id, payload));
        payload_offset_ = wire::to_big_endian(f.immediate(payload_offset_id, 0));
        payload_length_ = wire::to_big_endian(f.immediate(payload_length_id, payload));
        cnt_pointer_ = f.immediate(heap_cnt_id, 0);
        cnt_mask_ = f.max_address();
    }

    /// How many of \a wanted packets of the form are sure to fit.
    [[nodiscard]] std::size_t room(std::size_t wanted) const noexcept {
        return batch_.room_for(next_, wanted, form_.plain() ? fixed_ : form_.size,
                               1 + form_.n_pointers());
    }

    /// Make the packet of a heap. Only while there is room().
    void write(const heap_contents& contents, std::uint64_t cnt, std::uint32_t substream) noexcept {
        std::uint8_t* const header = next_.bytes;
        std::uint8_t* out = header + prefix_size;
        std::uint8_t* bytes = header + fixed_;
        iovec* iov = next_.iovs;
        wire::put_prefix(header, header_, wire::to_big_endian(cnt_pointer_ | (cnt & cnt_mask_)),
                         heap_length_, payload_offset_, payload_length_);
        if (form_.plain()) {
            *iov++ = {header, fixed_};
            for (const heap_item& item : contents.items()) {
                std::memcpy(out, &item.pointer, item_pointer_size);
                out += item_pointer_size;
                if (item.length != 0)
                    *iov++ = {const_cast<std::uint8_t*>(item.data),
                              static_cast<std::size_t>(item.length)};
            }
        } else {
            extent_cursor extents{header, bytes, iov};
            for (const heap_item& item : contents.items()) {
                out = put_pointer(out, item);
                extents.append(item.data, static_cast<std::size_t>(item.payload_length()));
            }
            extents.close();
            bytes = extents.bytes;
            iov = extents.next;
        }
        const auto n_iov = static_cast<std::uint32_t>(iov - next_.iovs);
        *next_.packets = {next_.first_iov, n_iov, form_.size, substream};
        next_ = {bytes, iov, next_.packets + 1, next_.first_iov + n_iov};
    }

private:
    packet_batch& batch_;
    packet_batch::run next_;

    only_packet form_{};
    std::size_t fixed_ = 0;  ///< bytes of the header and the item pointers
    // In network order but for the cnt.
    std::uint64_t header_ = 0;
    std::uint64_t heap_length_ = 0;
    std::uint64_t payload_offset_ = 0;
    std::uint64_t payload_length_ = 0;
    std::uint64_t cnt_pointer_ = 0;
    std::uint64_t cnt_mask_ = 0;
};

}  // namespace spead2::send::detail
