// SPDX-License-Identifier: Apache-2.0
// Cuts heaps that have a form (parts of heaps, chosen item pointers) into packets. It goes through
// what is held, not through the heap, so that what others hold costs nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <spead2/send/heap.h>

#include "packet_batch.h"

namespace spead2::send::detail {

struct extent_cursor;

/// As packetiser, which has one for such heaps. A packet holds bytes that follow one another in
/// the heap, so one ends where something held elsewhere begins.
class form_packetiser {
public:
    /// \param contents  with a form; they outlive this
    /// \throw std::invalid_argument  not sendable: the text says why
    form_packetiser(const heap_contents& contents, std::size_t max_packet_size);

    /// \param pointer  heap cnt as an immediate, in network order
    void set_cnt(std::uint64_t pointer) noexcept { cnt_pointer_ = pointer; }
    [[nodiscard]] bool done() const noexcept { return here_.extent == extents_.size(); }
    [[nodiscard]] std::size_t next_size() const noexcept;
    std::size_t next(packet_batch& batch, std::uint32_t substream) noexcept;
    /// Several packets in a row out of one block. \return 0 if the next ones are not like that
    std::size_t next_in_bulk(packet_batch& batch, std::uint32_t substream,
                             std::size_t max_count) noexcept;
    /// Bytes of the payload of the whole heap, with padding.
    [[nodiscard]] std::uint64_t heap_length() const noexcept { return heap_length_; }
    /// Bytes of each of those that next_in_bulk() makes.
    [[nodiscard]] std::size_t full_size() const noexcept { return packet_size_; }

private:
    /// Held bytes: evenly spaced blocks of the payload, one after another in memory.
    struct extent {
        std::uint64_t offset;      ///< of the first block in the heap's payload
        const std::uint8_t* data;  ///< null: zeros
        std::uint64_t length;      ///< of a block
        std::uint64_t count;
        std::uint64_t stride;
        [[nodiscard]] std::uint64_t begin_of(std::uint64_t block) const noexcept {
            return offset + block * stride;
        }
        [[nodiscard]] std::uint64_t end_of(std::uint64_t block) const noexcept {
            return begin_of(block) + length;
        }
    };
    /// A byte that is held.
    struct place {
        std::size_t extent;
        std::uint64_t block;
        std::uint64_t done;  ///< bytes of the block before it
    };
    /// An item pointer of a packet.
    struct pointer {
        bool is_item;
        std::size_t number;  ///< of the item in the heap; else the ID of one that SPEAD adds
        bool at_end;         ///< an item without bytes whose address is the end of the payload
    };
    /// Packets of one size that are made in a row.
    struct bulk {
        std::size_t count;
        std::size_t header;   ///< bytes of the header
        std::size_t payload;  ///< bytes of the payload
        std::uint32_t substream;
        bool copied;  ///< the payload goes beside the header
    };

    void order_pointers();
    void find_extents();
    void fit_pointers(std::size_t max_packet_size);
    [[nodiscard]] std::size_t contiguous(std::size_t most) const noexcept;
    void next_block(place& at) const noexcept;
    void append_payload(extent_cursor& out, std::size_t payload) noexcept;
    [[nodiscard]] bool all_pointers() const noexcept;
    [[nodiscard]] std::size_t next_pointers() const noexcept;
    [[nodiscard]] std::size_t next_header_size() const noexcept;
    [[nodiscard]] std::uint64_t spead_pointer(std::size_t id, std::size_t payload) const noexcept;
    std::uint8_t* write_item_pointer(std::uint8_t* out, std::size_t number) const noexcept;
    std::uint8_t* write_header(std::uint8_t* out, std::size_t payload) noexcept;
    void write_bulk(const packet_batch::run& out, const bulk& b,
                    const std::uint8_t* data) const noexcept;

    const heap_contents& contents_;
    std::vector<extent> extents_;  ///< in the order of the payload
    std::vector<pointer> always_;  ///< what packets without items have: pointers of SPEAD
    std::vector<pointer> chosen_;  ///< what packets with items have, where the order is chosen
    std::uint64_t cnt_pointer_ = 0;
    std::uint64_t heap_length_ = 0;  ///< of the whole, with padding
    std::size_t packet_size_;        ///< rounded down to a multiple of 8
    std::size_t n_pointers_ = 0;     ///< of items, the NULL pointer included
    std::size_t max_pointers_ = 0;   ///< of items, in a packet
    std::size_t next_pointer_ = 0;
    std::size_t offset_at_ = 0;  ///< where the last header has the payload offset; 0: nowhere
    bool repeat_ = false;
    place here_{};  ///< where the next packet begins
};

}  // namespace spead2::send::detail
