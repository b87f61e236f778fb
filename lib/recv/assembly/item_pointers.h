// SPDX-License-Identifier: Apache-2.0
// The item pointers of packets: what they say, and which of them a heap has not had yet. They are kept
// as they came, in network order, each once.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <spead2/wire/packet.h>
#include <spead2/wire/protocol.h>

#include "random_number.h"
#include "wire/byte_order.h"

namespace spead2::recv {

/// Item pointers that a heap can have: what they cost must not grow for ever.
inline constexpr std::size_t max_pointers = std::size_t{1} << 20;

/// A set of item pointers, for heaps with more than a few.
class pointer_set {
public:
    /// \return false if it is there already
    bool insert(std::uint64_t pointer) {
        if (2 * (size_ + 1) > table_.size()) grow();
        if (!put(pointer)) return false;
        ++size_;
        return true;
    }
    void clear() noexcept {
        table_ = {};
        size_ = 0;
        has_zero_ = false;
    }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

private:
    bool put(std::uint64_t pointer) noexcept {
        if (pointer == 0) return !std::exchange(has_zero_, true);
        const int shift = 64 - std::countr_zero(table_.size());
        for (std::size_t i = static_cast<std::size_t>(pointer * factor() >> shift);;
             i = (i + 1) & (table_.size() - 1)) {
            if (table_[i] == pointer) return false;
            if (table_[i] != 0) continue;
            table_[i] = pointer;
            return true;
        }
    }
    void grow() {
        const std::vector<std::uint64_t> old = std::exchange(
            table_, std::vector<std::uint64_t>(std::max<std::size_t>(64, 2 * table_.size())));
        for (const std::uint64_t pointer : old)
            if (pointer != 0) put(pointer);
    }
    static std::uint64_t factor() {
        static const std::uint64_t number = random_odd_number();
        return number;
    }

    std::vector<std::uint64_t> table_;  ///< 0: free; a power of two
    std::size_t size_ = 0;
    bool has_zero_ = false;
};

/// What item pointers say besides which items there are.
struct pointer_facts {
    std::uint64_t min_length = 0;  ///< largest address of an item
    bool stop = false;             ///< there is a stop item
    bool too_many = false;         ///< some are left out
};

/// Look at the item pointers of a packet that is accepted.
/// \param append  called with each that the heap is to keep
template <typename Append>
[[nodiscard]] pointer_facts scan_pointers(const packet_view& p, Append&& append) {
    pointer_facts facts;
    const int bits = p.heap_address_bits;
    const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
    const std::uint64_t stop = std::uint64_t{1} << 63 | stream_ctrl_id << bits | ctrl_stream_stop;
    const std::uint8_t* const begin = p.bytes + header_size;
    for (std::uint32_t i = p.first_item; i < p.n_pointers; ++i) {
        std::uint64_t raw;
        std::memcpy(&raw, begin + i * item_pointer_size, sizeof raw);
        const std::uint64_t pointer = wire::to_big_endian(raw);
        const std::uint64_t id = (pointer & ~(std::uint64_t{1} << 63)) >> bits;
        if (pointer >> 63 == 0) {
            facts.min_length = std::max(facts.min_length, pointer & mask);
        } else if (id == null_id) {
            continue;
        } else if (pointer == stop) {
            facts.stop = true;
        }
        if (id < heap_cnt_id || id > payload_length_id) append(raw);
    }
    return facts;
}

/// Keep the pointers of a heap's only packet. \param all  empty
[[nodiscard]] pointer_facts first_pointers(const packet_view& p, std::vector<std::uint64_t>& all);

/// Keep those pointers of a packet that are not among \a all yet.
/// \param known  the same as \a all, if these are many
[[nodiscard]] pointer_facts merge_pointers(const packet_view& p, std::vector<std::uint64_t>& all,
                                           pointer_set& known);

}  // namespace spead2::recv
