// SPDX-License-Identifier: Apache-2.0
// What arrives: a heap with its items, complete or not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <spead2/recv/allocator.h>
#include <spead2/wire/descriptor.h>
#include <spead2/wire/flavour.h>

namespace spead2::recv {

/// One item of a heap, as it came. Lies in the heap's memory.
struct raw_item {
    std::uint64_t id;
    /// The value of an immediate; 0 otherwise.
    std::uint64_t immediate_value;
    /// Its bytes: a piece of the payload, or an immediate's heap_address_bits / 8 big-endian bytes.
    std::uint8_t* data;
    std::size_t length;
    bool is_immediate;
};

/// A heap that the assembly is done with. Whoever holds it has its memory. Members may be called by
/// several threads at once, except for the first call of items() or empty_items().
class heap {
public:
    heap() = default;
    heap(const heap&) = delete;
    heap& operator=(const heap&) = delete;
    ~heap() = default;

    [[nodiscard]] std::uint64_t cnt() const noexcept { return cnt_; }
    [[nodiscard]] flavour get_flavour() const noexcept {
        return {4, 64, heap_address_bits_, bug_compat_};
    }
    /// Whether all of its payload is there.
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    /// Bytes of payload that there should be; -1: no packet said.
    [[nodiscard]] std::int64_t heap_length() const noexcept { return length_; }
    /// Bytes of payload that came.
    [[nodiscard]] std::uint64_t received_length() const noexcept { return received_; }
    /// Begin and end of each piece of payload that came, in order; of incomplete heaps only.
    [[nodiscard]] const std::vector<std::pair<std::uint64_t, std::uint64_t>>& payload_ranges()
        const noexcept {
        return ranges_;
    }
    /// The payload; of an incomplete heap, with holes of undefined content, up to the last byte
    /// that came.
    [[nodiscard]] std::span<std::uint8_t> payload() const noexcept {
        return {payload_.data(), payload_size_};
    }

    /// Items other than the protocol's own: addressed ones by address, then immediates by value.
    /// Addressed items of length 0 are left out, exact repeats too. Incomplete heaps have only
    /// immediates. Put together by the first call.
    [[nodiscard]] std::span<const raw_item> items() const;

    /// IDs of the addressed items of length 0: those of arrays without elements. As items().
    [[nodiscard]] std::span<const std::uint64_t> empty_items() const;

    /// Read the descriptors in it, anew at each call. What is wrong with them is logged. Incomplete
    /// heaps have none.
    [[nodiscard]] std::vector<descriptor> descriptors() const;

    [[nodiscard]] bool is_start_of_stream() const noexcept;
    [[nodiscard]] bool is_end_of_stream() const noexcept;

private:
    friend class assembly;
    friend class heap_recycler;
    friend class ring_stream;
    [[nodiscard]] bool has_control(std::uint64_t value) const noexcept;
    /// Become empty, but keep memory for another heap: of the payload at most \a max_payload.
    void recycle(std::size_t max_payload) noexcept;

    std::uint64_t cnt_ = 0;
    std::int64_t length_ = -1;
    std::uint64_t received_ = 0;
    std::size_t payload_size_ = 0;
    memory payload_;
    int heap_address_bits_ = 40;
    unsigned bug_compat_ = 0;
    bool complete_ = false;
    mutable bool items_found_ = false;
    std::vector<std::uint64_t> pointers_;  ///< item pointers in network order, each once
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges_;
    mutable std::vector<raw_item> items_;
    mutable std::vector<std::uint64_t> empty_items_;
    heap* next_ = nullptr;  ///< of those to be used again
};

/// Shared, so that an item, or an array made of it, can keep its heap.
using heap_ptr = std::shared_ptr<heap>;

}  // namespace spead2::recv
