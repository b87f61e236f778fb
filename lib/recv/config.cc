// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/config.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <spead2/wire/protocol.h>

namespace spead2::recv {

stream_config::stream_config()
    : allocator_(std::make_shared<memory_allocator>()),
      // The list of all streams that have no statistics of their own.
      stats_(std::shared_ptr<const stream_stat_list>(), &built_in_stats()) {}

stream_config& stream_config::set_max_heaps(std::size_t heaps) {
    if (heaps == 0) throw std::invalid_argument("max_heaps cannot be 0");
    max_heaps_ = heaps;
    return *this;
}

stream_config& stream_config::set_substreams(std::size_t substreams) {
    if (substreams == 0) throw std::invalid_argument("substreams cannot be 0");
    substreams_ = substreams;
    return *this;
}

stream_config& stream_config::set_bug_compat(std::uint64_t bits) {
    if (bits > bug_compat_pyspead_0_5_2)
        throw std::invalid_argument("unknown compatibility bits in bug_compat: " +
                                    std::to_string(bits) + ", but only those of 7 are known");
    bug_compat_ = bits;
    return *this;
}

stream_config& stream_config::set_max_heap_size(std::size_t bytes) {
    if (bytes == 0) throw std::invalid_argument("max_heap_size cannot be 0");
    max_heap_size_ = bytes;
    return *this;
}

stream_config& stream_config::set_memcpy(memcpy_method method) {
    memcpy_ = method;
    return *this;
}

stream_config& stream_config::set_scatter(scatter_function scatter) {
    scatter_ = std::move(scatter);
    return *this;
}

stream_config& stream_config::set_allocator(std::shared_ptr<memory_allocator> allocator) {
    if (!allocator) throw std::invalid_argument("memory_allocator cannot be null");
    allocator_ = std::move(allocator);
    return *this;
}

stream_config& stream_config::set_stop_on_stop_item(bool stop) noexcept {
    stop_on_stop_item_ = stop;
    return *this;
}

stream_config& stream_config::set_stop_on_first_end(bool stop) noexcept {
    stop_on_first_end_ = stop;
    return *this;
}

stream_config& stream_config::set_allow_unsized_heaps(bool allow) noexcept {
    allow_unsized_heaps_ = allow;
    return *this;
}

stream_config& stream_config::set_allow_out_of_order(bool allow) noexcept {
    allow_out_of_order_ = allow;
    return *this;
}

stream_config& stream_config::set_stream_id(std::uint64_t id) noexcept {
    stream_id_ = id;
    return *this;
}

stream_config& stream_config::set_explicit_start(bool explicit_start) noexcept {
    explicit_start_ = explicit_start;
    return *this;
}

std::size_t stream_config::add_stat(std::string name, stat_mode mode) {
    const auto same = [&name](const stream_stat_config& s) { return s.name == name; };
    if (std::any_of(stats_->begin(), stats_->end(), same))
        throw std::invalid_argument("A statistic called " + name + " already exists");
    auto extended = std::make_shared<stream_stat_list>(*stats_);
    extended->push_back({std::move(name), mode});
    stats_ = std::move(extended);
    return stats_->size() - 1;
}

std::size_t stream_config::get_stat_index(const std::string& name) const {
    for (std::size_t i = 0; i < stats_->size(); ++i)
        if ((*stats_)[i].name == name) return i;
    throw std::out_of_range(name + " is not a known statistic name");
}

ring_stream_config& ring_stream_config::set_heaps(std::size_t heaps) {
    if (heaps == 0) throw std::invalid_argument("heaps must be at least 1");
    heaps_ = heaps;
    return *this;
}

ring_stream_config& ring_stream_config::set_contiguous_only(bool only) noexcept {
    contiguous_only_ = only;
    return *this;
}

ring_stream_config& ring_stream_config::set_incomplete_keep_payload_ranges(bool keep) noexcept {
    keep_ranges_ = keep;
    return *this;
}

}  // namespace spead2::recv
