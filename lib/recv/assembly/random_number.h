// SPDX-License-Identifier: Apache-2.0
// Numbers for hash tables that a sender cannot foresee.
#pragma once

#include <cstdint>
#include <random>

namespace spead2::recv {

inline std::uint64_t random_odd_number() {
    std::random_device device;
    return (std::uint64_t{device()} << 32 | device()) | 1;
}

}  // namespace spead2::recv
