// SPDX-License-Identifier: Apache-2.0
// The heap cnts that a stream gives out by itself.
#pragma once

#include <cstdint>

namespace spead2::send::detail {

struct cnt_sequence {
    std::uint64_t next = 1;
    std::uint64_t step = 1;

    [[nodiscard]] std::uint64_t take() noexcept {
        const std::uint64_t cnt = next;
        next += step;
        return cnt;
    }
    void skip(std::uint64_t heaps) noexcept { next += step * heaps; }
};

}  // namespace spead2::send::detail
