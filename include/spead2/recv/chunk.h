// SPDX-License-Identifier: Apache-2.0
// Large pieces of memory that are filled from many heaps, and the rule that says which heap goes
// where.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace spead2::recv {

/// Where heaps are put. Derive from it to keep more with it: the same object goes round.
class chunk {
public:
    chunk() = default;
    chunk(const chunk&) = delete;
    chunk& operator=(const chunk&) = delete;
    virtual ~chunk() = default;

    std::int64_t chunk_id = -1;
    std::uint64_t stream_id = 0;      ///< of the stream that filled it
    std::span<std::uint8_t> data;     ///< payload of the heaps
    std::span<std::uint8_t> present;  ///< 1 for each heap (or packet) that came, 0 otherwise
    std::span<std::uint8_t> extra;    ///< what place functions say of heaps; may be empty
};

/// What a place function is told, and what it answers. Its layout is part of the interface.
struct chunk_place_data {
    const std::uint8_t* packet;  ///< the heap's first packet that came, with its header
    std::size_t packet_size;     ///< bytes
    const std::int64_t* items;   ///< values of chunk_stream_config::items(); -1: not an immediate
    std::int64_t chunk_id;       ///< answer: chunk; negative: the heap is not wanted
    std::size_t heap_index;      ///< answer: place in chunk::present
    std::size_t heap_offset;     ///< answer: place in chunk::data, in bytes
    std::uint64_t* batch_stats;  ///< to add to, by the index of a statistic
    std::uint8_t* extra;         ///< room for max_heap_extra() bytes
    std::size_t extra_offset;    ///< answer: place in chunk::extra
    std::size_t extra_size;      ///< answer: bytes of extra that are to go there
};

/// \param size  of the structure; more may be added at its end
using place_function = std::function<void(chunk_place_data* data, std::size_t size)>;

/// The common rule: time goes to chunks, everything else to a place within the chunk. Heaps lie in it
/// as in an array: along time first, then along each axis, the last one fastest.
struct placement_rule {
    /// Heaps differ in this by the value of an item.
    struct axis {
        std::size_t item = 0;    ///< index in chunk_stream_config::items()
        std::int64_t count = 1;  ///< heaps along it; others are rejected
        std::int64_t first = 0;  ///< value of its first heap
        std::int64_t step = 1;   ///< difference between neighbours; at least 1
        std::size_t stride = 0;  ///< difference of heap_index between neighbours; 0: as above
    };
    std::size_t heap_size = 0;        ///< bytes: heap_offset is heap_index times this
    std::int64_t time_per_chunk = 1;  ///< at least 1
    std::int64_t time_per_heap = 0;   ///< 0: one heap a chunk along time
    std::vector<axis> axes;
    std::size_t time_item = 0;    ///< index in chunk_stream_config::items()
    std::int64_t time_first = 0;  ///< where chunk 0 begins
    std::size_t time_stride = 0;  ///< as that of axes

    /// \throw std::invalid_argument  a number is out of its range, an item's index is not below
    /// \a n_items, or the axes have more than 2^63 heaps
    [[nodiscard]] place_function make(std::size_t n_items) const;
};

/// Values are checked when set; setters throw std::invalid_argument.
class chunk_stream_config {
public:
    static constexpr std::size_t default_max_chunks = 2;

    /// IDs of the immediates that the place function is given.
    [[nodiscard]] const std::vector<std::uint64_t>& items() const noexcept { return items_; }
    chunk_stream_config& set_items(std::vector<std::uint64_t> ids);

    /// Chunks that are filled at a time. At least 1.
    [[nodiscard]] std::size_t max_chunks() const noexcept { return max_chunks_; }
    chunk_stream_config& set_max_chunks(std::size_t chunks);

    /// Called once a heap, by a worker, under the lock of the stream.
    [[nodiscard]] const place_function& place() const noexcept { return place_; }
    chunk_stream_config& set_place(place_function place);
    /// The same by a rule, which is checked against items() when the stream is made.
    chunk_stream_config& set_place(placement_rule rule);
    [[nodiscard]] const std::optional<placement_rule>& rule() const noexcept { return rule_; }

    /// Bytes of extra that a heap may have.
    [[nodiscard]] std::size_t max_heap_extra() const noexcept { return max_heap_extra_; }
    chunk_stream_config& set_max_heap_extra(std::size_t bytes);

    /// Mark packets rather than heaps as present: that of a heap's byte i at heap_index +
    /// i / payload_size. 0: heaps.
    [[nodiscard]] std::size_t packet_presence_payload_size() const noexcept {
        return packet_presence_;
    }
    chunk_stream_config& enable_packet_presence(std::size_t payload_size);
    chunk_stream_config& disable_packet_presence() noexcept;

private:
    std::vector<std::uint64_t> items_;
    std::size_t max_chunks_ = default_max_chunks;
    place_function place_;
    std::optional<placement_rule> rule_;
    std::size_t max_heap_extra_ = 0;
    std::size_t packet_presence_ = 0;
};

}  // namespace spead2::recv
