// SPDX-License-Identifier: Apache-2.0
// What a heap has that few have: which bytes of a whole are held here, and chosen item pointers. An
// ordinary heap has none of this and pays nothing for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <spead2/send/heap_part.h>

namespace spead2::send {

struct heap_form {
    /// Held blocks of the item with a number, not empty and inside it.
    struct held {
        std::size_t item;
        item_blocks blocks;
    };

    bool is_part = false;
    part_pointers pointers = part_pointers::first;
    std::uint64_t padding = 0;
    bool padding_held = false;
    std::vector<held> blocks;          ///< in the order of the payload
    std::uint64_t elsewhere = 0;       ///< bytes of the payload that are not held here
    std::vector<std::uint64_t> order;  ///< IDs of item pointers; empty: as SPEAD says
    bool missing_ok = false;
};

}  // namespace spead2::send
