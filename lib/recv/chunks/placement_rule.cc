// SPDX-License-Identifier: Apache-2.0
// The place function that needs no compiler.
#include <limits>
#include <ranges>
#include <stdexcept>
#include <string>

#include <spead2/recv/chunk.h>

namespace spead2::recv {
namespace {

constexpr std::uint64_t most_heaps = std::numeric_limits<std::int64_t>::max();

void check_number(const char* name, std::int64_t value, std::int64_t least) {
    if (value < least)
        throw std::invalid_argument(std::string(name) + " is " + std::to_string(value) +
                                    ", but must be at least " + std::to_string(least));
}

/// How far \a value is from \a first, in steps. \return false if it is before it
bool distance(std::int64_t value, std::int64_t first, std::uint64_t& is) noexcept {
    if (value < first) return false;
    is = static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(first);
    return true;
}

/// The rule without what is left to it to find out.
placement_rule completed(placement_rule rule) {
    std::uint64_t heaps = 1;
    for (auto& axis : std::views::reverse(rule.axes)) {
        if (axis.stride == 0) axis.stride = heaps;
        const auto count = static_cast<std::uint64_t>(axis.count);
        if (heaps > most_heaps / count)
            throw std::invalid_argument("the axes of a rule have more than 2**63 heaps");
        heaps *= count;
    }
    if (rule.time_stride == 0) rule.time_stride = heaps;
    return rule;
}

}  // namespace

place_function placement_rule::make(std::size_t n_items) const {
    const auto check_item = [n_items](std::size_t item) {
        if (item >= n_items)
            throw std::invalid_argument("a rule uses item number " + std::to_string(item) +
                                        ", but there are only " + std::to_string(n_items));
    };
    check_item(time_item);
    check_number("time_per_chunk", time_per_chunk, 1);
    check_number("time_per_heap", time_per_heap, 0);
    for (const axis& a : axes) {
        check_item(a.item);
        check_number("count", a.count, 1);
        check_number("step", a.step, 1);
    }
    return [rule = completed(*this)](chunk_place_data* data, std::size_t) {
        std::uint64_t time;
        if (!distance(data->items[rule.time_item], rule.time_first, time)) return;
        const auto per_chunk = static_cast<std::uint64_t>(rule.time_per_chunk);
        const std::uint64_t chunk = time / per_chunk;
        std::size_t index = 0;
        if (rule.time_per_heap != 0)
            index = (time - chunk * per_chunk) / static_cast<std::uint64_t>(rule.time_per_heap) *
                    rule.time_stride;
        for (const axis& a : rule.axes) {
            std::uint64_t at;
            if (!distance(data->items[a.item], a.first, at)) return;
            if (a.step != 1) at /= static_cast<std::uint64_t>(a.step);
            if (at >= static_cast<std::uint64_t>(a.count)) return;
            index += at * a.stride;
        }
        data->chunk_id = static_cast<std::int64_t>(chunk);
        data->heap_index = index;
        data->heap_offset = index * rule.heap_size;
    };
}

}  // namespace spead2::recv
