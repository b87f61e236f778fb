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

place_function placement_rule::make(std::size_t n_items) const {
    const auto check_item = [n_items](std::size_t item) {
        if (item >= n_items)
            throw std::invalid_argument("a rule uses item number " + std::to_string(item) +
                                        ", but there are only " + std::to_string(n_items));
    };
    const auto check_step = [](const char* name, std::int64_t value, std::int64_t least) {
        if (value < least)
            throw std::invalid_argument(std::string(name) + " is " + std::to_string(value) +
                                        ", but must be at least " + std::to_string(least));
    };
    check_item(time_item);
    check_step("time_per_chunk", time_per_chunk, 1);
    check_step("time_per_heap", time_per_heap, 0);
    for (const axis& a : axes) {
        check_item(a.item);
        check_step("step", a.step, 1);
        check_step("count", a.count, 1);
    }
    return [rule = *this](chunk_place_data* data, std::size_t) {
        const std::int64_t value = data->items[rule.time_item];
        if (value < rule.time_first) return;
        const std::int64_t time = value - rule.time_first;
        std::size_t index = 0;
        if (rule.time_per_heap != 0)
            index = static_cast<std::size_t>(time % rule.time_per_chunk / rule.time_per_heap) *
                    rule.time_stride;
        for (const axis& a : rule.axes) {
            const std::int64_t at = data->items[a.item];
            if (at < a.first || (at - a.first) / a.step >= a.count) return;
            index += static_cast<std::size_t>((at - a.first) / a.step) * a.stride;
        }
        data->chunk_id = time / rule.time_per_chunk;
        data->heap_index = index;
        data->heap_offset = index * rule.heap_size;
    };
}

}  // namespace spead2::recv
