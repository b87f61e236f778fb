// SPDX-License-Identifier: Apache-2.0
// Words for heaps that several processes send together, each a part, and the arithmetic of who has
// what. Nothing here knows how the processes were started or how they agree.
#pragma once

#include <cstdint>

namespace spead2::send {

/// Which packets of a part carry the item pointers, which tell a receiver where the items lie.
enum class part_pointers : std::uint8_t {
    none,   ///< none: another process sends them
    first,  ///< the first ones, as an ordinary heap does: for one process of all
    every,  ///< every packet has them all, for receivers that place each packet by itself
};

/// Bytes of an item that this process holds: blocks that lie one after another in memory, and
/// evenly spaced in the item. (Rows of a matrix are one block, columns as many as it has rows.)
struct item_blocks {
    const void* data = nullptr;
    std::uint64_t offset = 0;  ///< of the first block, in bytes of the item
    std::uint64_t length = 0;  ///< bytes of a block
    std::uint64_t count = 1;
    std::uint64_t stride = 0;  ///< from one block to the next, in bytes of the item
};

/// Positions [first, first + count) of an axis.
struct axis_share {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
};

/// Divide the \a length positions of an axis among \a size processes, as evenly as they go: those
/// of lower \a rank have one more if they do not go evenly. 0 <= rank < size.
[[nodiscard]] constexpr axis_share share_of_axis(std::uint64_t length, std::uint64_t rank,
                                                 std::uint64_t size) noexcept {
    const std::uint64_t each = length / size;
    const std::uint64_t more = length % size;
    return {rank * each + (rank < more ? rank : more), each + (rank < more ? 1 : 0)};
}

/// Bytes of padding with which a process that holds \a held bytes of a heap of \a n_pointers item
/// pointers can send these, whatever the packet size: every packet must have some payload.
[[nodiscard]] constexpr std::uint64_t part_padding(std::uint64_t n_pointers,
                                                   std::uint64_t held) noexcept {
    const std::uint64_t needed = 8 * (n_pointers + 1) + 1;
    return held < needed - 8 ? needed - held : 0;
}

}  // namespace spead2::send
