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

heap_assembler::heap_assembler(heap_share share, const sink_options& options, bool variable_length,
                               std::size_t num_substreams)
    : share_(std::move(share)),
      items_(share_.own_items()),
      flavour_(options.flavour),
      variable_(variable_length),
      rule_(options.substream),
      interval_(options.descriptor_interval),
      substreams_(num_substreams) {
    set_descriptor_seconds(options.descriptor_seconds);
    if (items_.empty())
        throw std::invalid_argument("items is empty, but a sink needs at least one");
    if (rule_.what() == substream_rule::kind::fixed && rule_.index() >= num_substreams)
        throw std::invalid_argument("substream " + std::to_string(rule_.index()) +
                                    " is out of range: the stream has " +
                                    std::to_string(num_substreams) + " substreams");
    if (rule_.what() == substream_rule::kind::tag) substream_tag_ = make_substream_tag(rule_);
    item_names names;
    std::uint64_t sample_bytes = 0;
    for (const heap_share::shared_item& i : share_.items())
        names.add(i.described.id, i.described.name);
    for (const item& i : items_) {
        if (share_.is_whole()) names.add(i.id, i.name);
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
            (s.port < 0 || static_cast<std::size_t>(s.port) >= items_.size()))
            throw std::invalid_argument("scalar item '" + s.name + "': port " +
                                        std::to_string(s.port) + " is out of range: there are " +
                                        std::to_string(items_.size()) + " input ports");
        check_scalar(scalars_.back());
        static_cast<void>(
            engine::encode_descriptor(scalars_.back().format().describe(s), flavour_));
    }
    reset();
}

void heap_assembler::add_encoded(const engine::descriptor& d) {
    descriptors_.push_back(
        std::make_shared<const std::vector<std::uint8_t>>(engine::encode_descriptor(d, flavour_)));
}

/// Of heaps that several flowgraphs send, all must know how long a value is, whatever it is.
void heap_assembler::check_scalar(const scalar_track& s) const {
    if (share_.is_whole() || !s.from_tag()) return;
    const std::string name = "scalar item '" + s.what().name + "' ";
    if (s.format().is_text())
        throw std::invalid_argument(name +
                                    "is a text of a tag, which heaps of several flowgraphs "
                                    "cannot have: all must know how long it is");
    if (!is_immediate(s) && !s.what().value)
        throw std::invalid_argument(
            name + "of " + std::to_string(8 * s.format().bytes()) +
            " bits may be left out, which heaps of several flowgraphs cannot have: give it an "
            "initial value, or a dtype of at most " +
            std::to_string(8 * flavour_.address_bytes()) + " bits");
    if (share_.pointers() == engine::send::part_pointers::every)
        throw std::invalid_argument(name +
                                    "comes from a tag, which other flowgraphs do not see, "
                                    "but with pointers 'every' all send it");
}

void heap_assembler::set_descriptor_interval(std::uint64_t heaps) {
    if (!share_.is_whole() && heaps != interval_.load())
        throw std::invalid_argument(
            "descriptor_interval cannot change where several flowgraphs "
            "send heaps together: all must have the same");
    interval_.store(heaps);
}

void heap_assembler::set_descriptor_seconds(double seconds) {
    if (!share_.is_whole() && seconds != 0)
        throw std::invalid_argument("descriptor_seconds is " + std::to_string(seconds) +
                                    ", but where several flowgraphs send heaps together it must be "
                                    "0: use descriptor_interval");
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
    for (const heap_share::shared_item& i : share_.items()) add_encoded(i.described);
    if (!share_.is_whole()) return;
    for (std::size_t i = 0; i < items_.size(); ++i)
        add_encoded(formats_[i].fixed(items_[i], samples));
}

void heap_assembler::settle(std::uint64_t start, std::uint64_t position) {
    for (scalar_track& s : scalars_) s.settle(start, position);
    if (substream_tag_) substream_tag_->settle(start, position);
}

std::optional<std::size_t> heap_assembler::substream(const samples& of) {
    switch (rule_.what()) {
        case substream_rule::kind::fixed:
            return rule_.index();
        case substream_rule::kind::round_robin: {
            if (!share_.is_whole()) return number(of) % substreams_.size();
            const std::size_t now = next_substream_;
            next_substream_ = (now + 1) % substreams_.size();
            return now;
        }
        case substream_rule::kind::tag:
            break;
    }
    const std::optional<encoded_scalar> v = substream_tag_->take(of.start, of.length);
    if (!v || v->number >= substreams_.size()) return std::nullopt;
    return v->number;
}

std::optional<std::int64_t> heap_assembler::interval() const noexcept {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    const std::uint64_t heaps = interval_.load(std::memory_order_relaxed);
    if (heaps == 0) return std::nullopt;
    return static_cast<std::int64_t>(std::min(heaps, most));
}

bool heap_assembler::descriptors_due(substream_state& state) const {
    using schedule = engine::send::descriptor_schedule;
    const double seconds = seconds_.load(std::memory_order_relaxed);
    const auto now = seconds > 0 ? schedule::clock::now() : schedule::clock::time_point();
    const std::uint64_t heap = state.heaps++;
    const bool due =
        state.descriptors.is_due(heap, interval()) ||
        (seconds > 0 && state.descriptors.is_due(now, std::chrono::duration<double>(seconds)));
    if (due) state.descriptors.sent(heap, now);
    return due;
}

bool heap_assembler::is_immediate(const scalar_track& s) const noexcept {
    return !s.format().is_text() && s.format().bytes() <= flavour_.address_bytes();
}

void heap_assembler::add_scalar(engine::send::heap& h, sink_heap& group, const scalar_track& s,
                                encoded_scalar value) const {
    const std::uint64_t id = s.what().id;
    if (is_immediate(s)) {
        h.add_immediate(id, value.number);
        return;
    }
    if (s.format().is_text()) {
        group.texts.push_back(std::move(value.text));
        h.add_item(id, group.texts.back().data(), group.texts.back().size(), false);
        return;
    }
    const std::size_t at = group.scratch.size();
    const std::size_t n = s.format().bytes();
    for (std::size_t i = n; i-- > 0;)
        group.scratch.push_back(static_cast<std::uint8_t>(value.number >> (8 * i)));
    h.add_item(id, group.scratch.data() + at, n, false);
}

engine::send::heap heap_assembler::assemble(sink_heap& group, std::size_t substream,
                                            const samples& of,
                                            const std::vector<const std::uint8_t*>& payload) {
    if (!scalars_.empty()) {
        // Reserved whole, since the heap refers to what is in them.
        group.scratch.reserve(8 * scalars_.size());
        group.texts.reserve(scalars_.size());
    }
    if (!share_.is_whole()) return assemble_part(group, of, payload);
    const bool describe = descriptors_due(substreams_[substream]);
    engine::send::heap h(flavour_);
    h.reserve(scalars_.size() + items_.size() + (describe ? descriptors_.size() : 0));
    if (describe)
        for (const bytes& d : descriptors_)
            h.add_item(engine::descriptor_id, d, d->data(), d->size(), false);
    for (scalar_track& s : scalars_)
        if (std::optional<encoded_scalar> v = s.take(of.start, of.length, of.missing))
            add_scalar(h, group, s, std::move(*v));
    for (std::size_t i = 0; i < items_.size(); ++i) {
        const std::size_t n = static_cast<std::size_t>(of.length) * formats_[i].item_bytes();
        h.add_item(items_[i].id, payload[i], n, !variable_);
        group.payload_bytes += n;
    }
    return h;
}

/// Where things lie must not depend on what only this flowgraph knows: the others reckon alike.
engine::send::heap heap_assembler::assemble_part(sink_heap& group, const samples& of,
                                                 const std::vector<const std::uint8_t*>& payload) {
    using schedule = engine::send::descriptor_schedule;
    const std::uint64_t heap = number(of);
    const bool round_robin = rule_.what() == substream_rule::kind::round_robin;
    const bool root = share_.is_root();
    engine::send::heap h(flavour_);
    h.set_part(share_.pointers());
    std::uint64_t n_pointers = 0;
    std::uint64_t root_bytes = 0;
    const auto elsewhere = [&](std::uint64_t id, std::uint64_t length) {
        h.add_item_part(id, length, {});
    };
    if (schedule::is_due_in(round_robin ? heap / substreams_.size() : heap, interval()))
        for (const bytes& d : descriptors_) {
            if (root)
                h.add_item(engine::descriptor_id, d, d->data(), d->size(), false);
            else
                elsewhere(engine::descriptor_id, d->size());
            ++n_pointers;
            root_bytes += d->size();
        }
    for (scalar_track& s : scalars_) {
        // Counters count the whole's samples.
        const std::uint64_t missing = heap * share_.whole_samples() - of.start;
        std::optional<encoded_scalar> v = s.take(of.start, of.length, missing);
        ++n_pointers;
        if (is_immediate(s)) {
            if (v) add_scalar(h, group, s, std::move(*v));
            continue;
        }
        if (!v) v.emplace();  // its place is there
        const std::size_t length = s.format().is_text() ? v->text.size() : s.format().bytes();
        root_bytes += length;
        if (root)
            add_scalar(h, group, s, std::move(*v));
        else
            elsewhere(s.what().id, length);
    }
    for (const heap_share::shared_item& i : share_.items()) {
        ++n_pointers;
        root_bytes += i.root_bytes;
        if (!i.port) {
            elsewhere(i.described.id, i.length);
            continue;
        }
        engine::send::item_blocks held = i.held;
        held.data = payload[*i.port];
        h.add_item_part(i.described.id, i.length, {&held, 1});
        group.payload_bytes += held.length * held.count;
    }
    const std::uint64_t padding = engine::send::part_padding(n_pointers, root_bytes);
    if (padding != 0) h.set_part_padding(padding, root);
    return h;
}

}  // namespace gr::spead2
