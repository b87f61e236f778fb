// SPDX-License-Identifier: Apache-2.0
// Writing the item pointers of a heap, for the sources that make packets.
#pragma once

#include <cstdint>
#include <cstring>

#include <spead2/send/heap.h>

#include "wire/byte_order.h"

namespace spead2::send::detail {

/// The pointer of an item whose value is read_late(). A function of its own, because it is rare.
[[nodiscard, gnu::noinline]] std::uint64_t late_pointer(const heap_item& item) noexcept;

/// The item pointer of an item, with the value that it has now.
inline std::uint8_t* put_pointer(std::uint8_t* out, const heap_item& item) noexcept {
    std::uint64_t pointer = item.pointer;
    if (item.is_immediate() && item.read_late()) pointer = late_pointer(item);
    std::memcpy(out, &pointer, sizeof pointer);
    return out + sizeof pointer;
}

}  // namespace spead2::send::detail
