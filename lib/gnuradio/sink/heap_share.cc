// SPDX-License-Identifier: GPL-3.0-or-later
#include "heap_share.h"

#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/sample_format.h"

namespace gr::spead2 {
namespace {

/// \throw std::invalid_argument  what a heap cannot have that several flowgraphs send
void check_options(const std::vector<item>& items, const heap_sink_options& o) {
    const std::string several = ", which heaps of several flowgraphs (size is " +
                                std::to_string(o.size) + ") cannot have: ";
    if (o.size == 0) throw std::invalid_argument("size is 0, but must be at least 1");
    if (o.rank >= o.size)
        throw std::invalid_argument("rank is " + std::to_string(o.rank) +
                                    ", but must be below size, which is " + std::to_string(o.size));
    if (o.size == 1) return;
    if (o.samples_per_heap == 0)
        throw std::invalid_argument("samples_per_heap is 0" + several +
                                    "all must know how long a heap is");
    if (o.variable_length)
        throw std::invalid_argument("variable_length is true" + several +
                                    "all must know how long a heap is");
    if (o.substream.what() == substream_rule::kind::tag)
        throw std::invalid_argument("substream is a tag's" + several + "the others do not see it");
    if (!o.owners.empty() && o.owners.size() != items.size())
        throw std::invalid_argument("owners has " + std::to_string(o.owners.size()) +
                                    " ranks, but there are " + std::to_string(items.size()) +
                                    " items");
    for (const std::uint64_t owner : o.owners)
        if (owner >= o.size)
            throw std::invalid_argument("owners has rank " + std::to_string(owner) +
                                        ", but size is " + std::to_string(o.size));
}

/// \a a times \a b, for what is checked against a flavour's limit in the end.
std::uint64_t times(std::uint64_t a, std::uint64_t b) {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    if (b != 0 && a > most / b)
        throw std::invalid_argument("a heap of all flowgraphs would have more than 2^63 bytes");
    return a * b;
}

}  // namespace

heap_share::heap_share(const std::vector<item>& items, const heap_sink_options& options)
    : rank_(options.rank),
      size_(options.size),
      whole_samples_(options.samples_per_heap),
      own_samples_(options.samples_per_heap) {
    using pointers = engine::send::part_pointers;
    check_options(items, options);
    if (is_whole()) {
        own_items_ = items;
        return;
    }
    if (options.pointers == pointer_placing::every)
        pointers_ = pointers::every;
    else
        pointers_ = is_root() ? pointers::first : pointers::none;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (!options.owners.empty())
            add_owned(items[i], options.owners[i]);
        else if (options.split.axis())
            add_divided(items[i], *options.split.axis());
        else
            add_stacked(items[i]);
    }
    if (own_items_.empty() && !items.empty())
        throw std::invalid_argument("owners names rank " + std::to_string(rank_) +
                                    " for no item, so that it has no input");
    check_length(options.flavour);
}

void heap_share::add_owned(const item& i, std::uint64_t owner) {
    const sample_format format(i);
    shared_item s{format.fixed(i, whole_samples_), times(whole_samples_, format.item_bytes())};
    if (owner == 0) s.root_bytes = s.length;
    if (owner == rank_) {
        s.port = own_items_.size();
        s.held = {nullptr, 0, s.length, 1, 0};
        own_items_.push_back(i);
    }
    items_.push_back(std::move(s));
}

/// In a new first axis, which has an entry for each rank.
void heap_share::add_stacked(const item& i) {
    const sample_format format(i);
    const std::uint64_t bytes = times(whole_samples_, format.item_bytes());
    std::vector<std::int64_t> shape{static_cast<std::int64_t>(size_),
                                    static_cast<std::int64_t>(whole_samples_)};
    shape.insert(shape.end(), format.shape().begin(), format.shape().end());
    items_.push_back({format.described(i, shape),
                      times(bytes, size_),
                      bytes,
                      own_items_.size(),
                      {nullptr, rank_ * bytes, bytes, 1, 0}});
    own_items_.push_back(i);
}

/// Along one of the axes that the samples have.
void heap_share::add_divided(const item& i, std::uint64_t axis) {
    const sample_format format(i);
    // Without the axis of pairs of integers, which stay together.
    std::vector<std::int64_t> shape{static_cast<std::int64_t>(whole_samples_)};
    shape.insert(shape.end(), i.shape.begin(), i.shape.end());
    if (axis >= shape.size())
        throw std::invalid_argument("split is " + std::to_string(axis) + ", but item '" + i.name +
                                    "' has " + std::to_string(shape.size()) +
                                    (shape.size() == 1 ? " axis" : " axes") +
                                    ", of which axis 0 is that of the samples");
    const auto along = static_cast<std::uint64_t>(shape[axis]);
    if (along < size_)
        throw std::invalid_argument("axis " + std::to_string(axis) + " of item '" + i.name +
                                    "' has " + std::to_string(along) +
                                    " positions, which are too few for a size of " +
                                    std::to_string(size_));
    const auto mine = engine::send::share_of_axis(along, rank_, size_);
    const auto roots = engine::send::share_of_axis(along, 0, size_);
    std::uint64_t blocks = 1;
    for (std::uint64_t a = 0; a < axis; ++a)
        blocks = times(blocks, static_cast<std::uint64_t>(shape[a]));
    const std::uint64_t length = times(whole_samples_, format.item_bytes());
    const std::uint64_t inner = length / blocks / along;
    items_.push_back({format.fixed(i, whole_samples_),
                      length,
                      blocks * roots.count * inner,
                      own_items_.size(),
                      {nullptr, mine.first * inner, mine.count * inner, blocks, along * inner}});
    item own = i;
    if (axis == 0)
        own_samples_ = mine.count;
    else
        own.shape[axis - 1] = static_cast<std::int64_t>(mine.count);
    own_items_.push_back(std::move(own));
}

/// A little less than the flavour can address leaves room for descriptors and single values.
void heap_share::check_length(const engine::flavour& flavour) const {
    std::uint64_t left = flavour.max_address() - flavour.max_address() / 16;
    for (const shared_item& s : items_) {
        if (s.length > left)
            throw std::invalid_argument("samples_per_heap " + std::to_string(whole_samples_) +
                                        " of " + std::to_string(size_) +
                                        " flowgraphs is more than " + flavour.to_string() +
                                        " can hold of these items");
        left -= s.length;
    }
}

}  // namespace gr::spead2
