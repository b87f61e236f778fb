// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include <spead2/recv/chunk_group_config.h>

namespace spead2::recv {

chunk_group_config& chunk_group_config::set_max_chunks(std::size_t chunks) {
    if (chunks == 0) throw std::invalid_argument("max_chunks cannot be 0");
    max_chunks_ = chunks;
    return *this;
}

chunk_group_config& chunk_group_config::set_eviction(eviction_mode mode) noexcept {
    eviction_ = mode;
    return *this;
}

}  // namespace spead2::recv
