// SPDX-License-Identifier: Apache-2.0
// Writing the item pointers of a heap, for the sources that make packets.
#pragma once

#include <cstdint>
#include <cstring>

#include <spead2/wire/heap.h>

#include "byte_order.h"

namespace spead2::wire {

/// The item pointer of an item, with the value that it has now.
inline std::uint8_t* put_pointer(std::uint8_t* out, const heap_item& item) noexcept {
    std::uint64_t pointer = item.pointer;
    if (item.read_late()) pointer |= to_big_endian(get_uint(item.data, item.length));
    std::memcpy(out, &pointer, sizeof pointer);
    return out + sizeof pointer;
}

}  // namespace spead2::wire
