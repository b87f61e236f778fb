// SPDX-License-Identifier: GPL-3.0-or-later
#include "heap_assembler.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include <spead2/wire/descriptor.h>
#include <spead2/wire/protocol.h>

#include "common/item_names.h"

namespace gr::spead2 {
namespace {

scalar_track make_substream_tag(const substream_rule& rule) {
    scalar_item s;
    s.name = "substream";
    s.from = scalar_item::source::tag;
    s.key = rule.key();
    return scalar_track(s);
}

}  // namespace

heap_assembler::heap_assembler(const std::vector<item>& items, const sink_options& options,
                               bool variable_length, std::size_t num_substreams)
    : items_(items),
      flavour_(options.flavour),
      variable_(variable_length),
      rule_(options.substream),
      interval_(options.descriptor_interval),
      substreams_(num_substreams) {
    set_descriptor_seconds(options.descriptor_seconds);
    if (items.empty()) throw std::invalid_argument("items is empty, but a sink needs at least one");
    if (rule_.what() == substream_rule::kind::fixed && rule_.index() >= num_substreams)
        throw std::invalid_argument("substream " + std::to_string(rule_.index()) +
                                    " is out of range: the stream has " +
                                    std::to_string(num_substreams) + " substreams");
    if (rule_.what() == substream_rule::kind::tag) substream_tag_ = make_substream_tag(rule_);
    item_names names;
    std::uint64_t sample_bytes = 0;
    for (const item& i : items) {
        names.add(i.id, i.name);
        formats_.emplace_back(i);
        sample_bytes += formats_.back().item_bytes();
        // Encoding finds IDs and texts that are not possible.
        static_cast<void>(engine::encode_descriptor(formats_.back().variable(i), flavour_));
    }
    // A little less than the flavour can address leaves room for scalars and descriptors.
    max_samples_ = (flavour_.max_address() - flavour_.max_address() / 16) / sample_bytes;
    for (const scalar_item& s : options.scalars) {
        names.add(s.id, s.name);
        scalars_.emplace_back(s);
        if (s.from == scalar_item::source::tag &&
            (s.port < 0 || static_cast<std::size_t>(s.port) >= items.size()))
            throw std::invalid_argument("scalar item '" + s.name + "': port " +
                                        std::to_string(s.port) + " is out of range: there are " +
                                        std::to_string(items.size()) + " input ports");
        static_cast<void>(
            engine::encode_descriptor(scalars_.back().format().describe(s), flavour_));
    }
    reset();
}

void heap_assembler::add_encoded(const engine::descriptor& d) {
    descriptors_.push_back(
        std::make_shared<const std::vector<std::uint8_t>>(engine::encode_descriptor(d, flavour_)));
}

void heap_assembler::set_descriptor_seconds(double seconds) {
    if (!(seconds >= 0) || !std::isfinite(seconds))
        throw std::invalid_argument("descriptor_seconds is " + std::to_string(seconds) +
                                    ", but must be at least 0 seconds");
    seconds_.store(seconds);
}

void heap_assembler::reset(bool resumes) {
    length_ = 0;
    descriptors_.clear();
    for (scalar_track& s : scalars_) {
        if (!resumes) s.reset();
        add_encoded(s.format().describe(s.what()));
    }
    if (substream_tag_ && !resumes) substream_tag_->reset();
    if (variable_)
        for (std::size_t i = 0; i < items_.size(); ++i)
            add_encoded(formats_[i].variable(items_[i]));
    std::fill(substreams_.begin(), substreams_.end(), substream_state());
    if (!resumes) next_substream_ = 0;
}

void heap_assembler::set_length(std::uint64_t samples) {
    length_ = samples;
    for (std::size_t i = 0; i < items_.size(); ++i)
        add_encoded(formats_[i].fixed(items_[i], samples));
}

void heap_assembler::settle(std::uint64_t start, std::uint64_t position) {
    for (scalar_track& s : scalars_) s.settle(start, position);
    if (substream_tag_) substream_tag_->settle(start, position);
}

std::optional<std::size_t> heap_assembler::substream(std::uint64_t start, std::uint64_t length) {
    switch (rule_.what()) {
        case substream_rule::kind::fixed:
            return rule_.index();
        case substream_rule::kind::round_robin: {
            const std::size_t now = next_substream_;
            next_substream_ = (now + 1) % substreams_.size();
            return now;
        }
        case substream_rule::kind::tag:
            break;
    }
    const std::optional<encoded_scalar> v = substream_tag_->take(start, length);
    if (!v || v->number >= substreams_.size()) return std::nullopt;
    return v->number;
}

bool heap_assembler::descriptors_due(substream_state& state) const {
    using schedule = engine::send::descriptor_schedule;
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    const std::uint64_t heaps = interval_.load(std::memory_order_relaxed);
    const double seconds = seconds_.load(std::memory_order_relaxed);
    std::optional<std::int64_t> interval;
    if (heaps != 0) interval = static_cast<std::int64_t>(std::min(heaps, most));
    const auto now = seconds > 0 ? schedule::clock::now() : schedule::clock::time_point();
    const std::uint64_t heap = state.heaps++;
    const bool due =
        state.descriptors.is_due(heap, interval) ||
        (seconds > 0 && state.descriptors.is_due(now, std::chrono::duration<double>(seconds)));
    if (due) state.descriptors.sent(heap, now);
    return due;
}

engine::send::heap heap_assembler::assemble(sink_heap& group, std::size_t substream,
                                            std::uint64_t start, std::uint64_t length,
                                            const std::vector<const std::uint8_t*>& payload,
                                            std::uint64_t missing) {
    const bool describe = descriptors_due(substreams_[substream]);
    engine::send::heap h(flavour_);
    h.reserve(scalars_.size() + items_.size() + (describe ? descriptors_.size() : 0));
    if (describe)
        for (const bytes& d : descriptors_)
            h.add_item(engine::descriptor_id, d, d->data(), d->size(), false);

    if (!scalars_.empty()) {
        // Reserved whole, since the heap refers to what is in them.
        group.scratch.reserve(8 * scalars_.size());
        group.texts.reserve(scalars_.size());
    }
    for (scalar_track& s : scalars_) {
        std::optional<encoded_scalar> v = s.take(start, length, missing);
        if (!v) continue;
        const std::size_t n = s.format().bytes();
        if (s.format().is_text()) {
            group.texts.push_back(std::move(v->text));
            h.add_item(s.what().id, group.texts.back().data(), group.texts.back().size(), false);
        } else if (n <= flavour_.address_bytes()) {
            h.add_immediate(s.what().id, v->number);
        } else {
            const std::size_t at = group.scratch.size();
            for (std::size_t i = n; i-- > 0;)
                group.scratch.push_back(static_cast<std::uint8_t>(v->number >> (8 * i)));
            h.add_item(s.what().id, group.scratch.data() + at, n, false);
        }
    }
    for (std::size_t i = 0; i < items_.size(); ++i) {
        const std::size_t n = static_cast<std::size_t>(length) * formats_[i].item_bytes();
        h.add_item(items_[i].id, payload[i], n, !variable_);
        group.payload_bytes += n;
    }
    return h;
}

}  // namespace gr::spead2
