// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <string>
#include <utility>

#include <spead2/recv/chunk.h>

namespace spead2::recv {

chunk_stream_config& chunk_stream_config::set_items(std::vector<std::uint64_t> ids) {
    items_ = std::move(ids);
    return *this;
}

chunk_stream_config& chunk_stream_config::set_max_chunks(std::size_t chunks) {
    if (chunks == 0) throw std::invalid_argument("max_chunks cannot be 0");
    max_chunks_ = chunks;
    return *this;
}

chunk_stream_config& chunk_stream_config::set_place(place_function place) {
    place_ = std::move(place);
    rule_.reset();
    return *this;
}

chunk_stream_config& chunk_stream_config::set_place(placement_rule rule) {
    rule_ = std::move(rule);
    place_ = nullptr;
    return *this;
}

chunk_stream_config& chunk_stream_config::set_max_heap_extra(std::size_t bytes) {
    max_heap_extra_ = bytes;
    return *this;
}

chunk_stream_config& chunk_stream_config::enable_packet_presence(std::size_t payload_size) {
    if (payload_size == 0) throw std::invalid_argument("payload_size must not be zero");
    packet_presence_ = payload_size;
    return *this;
}

chunk_stream_config& chunk_stream_config::disable_packet_presence() noexcept {
    packet_presence_ = 0;
    return *this;
}

}  // namespace spead2::recv
