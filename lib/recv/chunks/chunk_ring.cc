// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/chunk_ring.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <spead2/base/errors.h>

namespace spead2::recv {

chunk_ring_pair::chunk_ring_pair(std::shared_ptr<chunk_ring> data, std::shared_ptr<chunk_ring> free)
    : data_(std::move(data)), free_(std::move(free)) {
    if (!data_ || !free_)
        throw std::invalid_argument("chunks need two rings to go round in, not null");
}

bool chunk_ring_pair::add_free_chunk(std::unique_ptr<chunk>& c) {
    if (!c) throw std::invalid_argument("a chunk is needed, not null");
    home_.check("the stream");
    std::fill(c->present.begin(), c->present.end(), std::uint8_t{0});
    try {
        return free_->try_push(c);
    } catch (const stopped_error&) {
        return true;
    }
}

}  // namespace spead2::recv
