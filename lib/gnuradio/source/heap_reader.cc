// SPDX-License-Identifier: GPL-3.0-or-later
#include "heap_reader.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "common/item_names.h"

namespace gr::spead2 {
namespace {

/// Descriptors of items that nothing was said about: so many at most are kept.
constexpr std::size_t max_others = 1024;

const engine::recv::raw_item nothing{0, 0, nullptr, 0, false};

std::string quoted(std::uint64_t id, const std::string& name) {
    char hexadecimal[24];
    std::snprintf(hexadecimal, sizeof hexadecimal, " (0x%llx)",
                  static_cast<unsigned long long>(id));
    return "item '" + name.substr(0, 80) + "'" + hexadecimal;
}

}  // namespace

heap_reader::heap_reader(const std::vector<item>& items, const source_options& options)
    : items_(items),
      other_items_(options.other_items),
      undescribed_(options.undescribed),
      of_ports_(items.size()),
      samples_(items.size()) {
    if (items.empty())
        throw std::invalid_argument("items is empty, but a source needs at least one");
    item_names names;
    for (std::size_t p = 0; p < items.size(); ++p) {
        names.add(items[p].id, items[p].name);
        formats_.emplace_back(items[p]);
        if (undescribed_ != undescribed_action::drop)
            of_ports_[p] = std::make_shared<item_layout>(
                items[p], formats_[p], undescribed_ == undescribed_action::network);
    }
    scalars_.reserve(options.scalars.size());
    for (const scalar_item& s : options.scalars) {
        names.add(s.id, s.name);
        scalars_.emplace_back(s);
        if (s.from == scalar_item::source::tag &&
            (s.port < 0 || static_cast<std::size_t>(s.port) >= items.size()))
            throw std::invalid_argument("scalar item '" + s.name + "': port " +
                                        std::to_string(s.port) + " is out of range: there are " +
                                        std::to_string(items.size()) + " output ports");
        of_scalars_.push_back(
            std::make_shared<item_layout>(s, scalars_.back().format().describe(s)));
        if (counter_ == nullptr && s.from == scalar_item::source::counter && s.step != 0)
            counter_ = &scalars_.back().what();
    }
}

heap_reader::result heap_reader::read(engine::recv::heap_ptr heap) {
    result r;
    r.heap.heap = std::move(heap);
    r.problem = learn(*r.heap.heap);
    if (r.problem.empty()) r.problem = sort(r);
    if (r.problem.empty() && r.heap.length != 0) r.problem = find_place(r.heap);
    if (r.problem.empty() || r.what == verdict::undescribed) return r;
    r.what = verdict::bad;
    r.problem = "heap " + std::to_string(r.heap.heap->cnt()) + ": " + r.problem;
    return r;
}

std::string heap_reader::learn(const engine::recv::heap& heap) {
    std::string wrong;
    for (const engine::descriptor& d : heap.descriptors()) {
        const auto layout = std::make_shared<const item_layout>(d, heap.get_flavour().bug_compat());
        const auto has_id = [&](const auto& i) { return i.id == d.id; };
        const auto port = std::find_if(items_.begin(), items_.end(), has_id);
        const auto scalar = std::find_if(scalars_.begin(), scalars_.end(),
                                         [&](const auto& s) { return has_id(s.what()); });
        if (wrong.empty()) wrong = contradiction(*layout);
        if (port != items_.end())
            of_ports_[static_cast<std::size_t>(port - items_.begin())] = layout;
        else if (scalar != scalars_.end())
            of_scalars_[static_cast<std::size_t>(scalar - scalars_.begin())] = layout;
        else if (other_items_ && (of_others_.size() < max_others || of_others_.contains(d.id)))
            of_others_[d.id] = layout;
    }
    return wrong;
}

std::string heap_reader::contradiction(const item_layout& layout) const {
    for (std::size_t p = 0; p < items_.size(); ++p) {
        const item& i = items_[p];
        if (i.id == layout.id() && !layout.fits(formats_[p]))
            return quoted(i.id, i.name) + " is described as " + layout.to_string() + ", but port " +
                   std::to_string(p) + " takes " + i.dtype + formats_[p].shape_text();
        if (i.id != layout.id() && i.name == layout.name())
            return quoted(layout.id(), layout.name()) + " has the name of port " +
                   std::to_string(p) + ", but that is for " + quoted(i.id, i.name);
    }
    for (const scalar_track& s : scalars_)
        if (s.what().id == layout.id() && s.format().is_text() != layout.is_text())
            return quoted(layout.id(), layout.name()) + " is described as " + layout.to_string() +
                   ", but its scalar item is of dtype " + s.what().dtype;
    return {};
}

std::string heap_reader::sort(result& r) {
    std::fill(samples_.begin(), samples_.end(), nullptr);
    std::size_t found = 0;
    for (const engine::recv::raw_item& raw : r.heap.heap->items()) {
        const auto port = std::find_if(items_.begin(), items_.end(),
                                       [&](const item& i) { return i.id == raw.id; });
        if (port != items_.end()) {
            const auto p = static_cast<std::size_t>(port - items_.begin());
            found += samples_[p] == nullptr ? 1 : 0;
            samples_[p] = &raw;
            continue;
        }
        const auto scalar = std::find_if(scalars_.begin(), scalars_.end(),
                                         [&](const auto& s) { return s.what().id == raw.id; });
        if (scalar != scalars_.end()) {
            const auto i = static_cast<std::size_t>(scalar - scalars_.begin());
            r.heap.values.push_back({&scalar->what(), of_scalars_[i], &raw});
        } else if (const auto other = of_others_.find(raw.id); other != of_others_.end()) {
            r.heap.values.push_back({nullptr, other->second, &raw});
        }
    }
    // Texts without a character.
    for (const std::uint64_t id : r.heap.heap->empty_items())
        for (std::size_t i = 0; i < scalars_.size(); ++i)
            if (scalars_[i].what().id == id && of_scalars_[i]->is_text())
                r.heap.values.push_back({&scalars_[i].what(), of_scalars_[i], &nothing});
    return found == 0 ? std::string() : measure(r);
}

std::string heap_reader::measure(result& r) {
    r.heap.pieces.resize(items_.size());
    for (std::size_t p = 0; p < items_.size(); ++p) {
        const engine::recv::raw_item* const raw = samples_[p];
        const std::string name = quoted(items_[p].id, items_[p].name);
        if (raw == nullptr)
            return "there is no " + name + ", which port " + std::to_string(p) + " takes";
        if (of_ports_[p] == nullptr) {
            r.what = verdict::undescribed;
            return "there was no descriptor yet for " + name;
        }
        const item_layout& layout = *of_ports_[p];
        if (!layout.fits(formats_[p])) return contradiction(layout);
        const std::optional<std::uint64_t> n = layout.samples(formats_[p], raw->length);
        if (!n)
            return name + " has " + std::to_string(raw->length) + " bytes, fewer than " +
                   layout.to_string();
        if (p != 0 && *n != r.heap.length)
            return name + " has " + std::to_string(*n) + " samples, but '" + items_[0].name +
                   "' has " + std::to_string(r.heap.length);
        r.heap.length = *n;
        // An immediate's bytes are its last ones.
        const std::size_t skip = raw->is_immediate ? raw->length - static_cast<std::size_t>(*n) *
                                                                       formats_[p].item_bytes()
                                                   : 0;
        r.heap.pieces[p] = {raw->data + skip, layout.swaps() ? formats_[p].swap_bytes() : 1};
    }
    return {};
}

std::string heap_reader::find_place(source_heap& h) const {
    if (counter_ == nullptr) {
        h.place = h.heap->cnt();
        h.place_bits = static_cast<unsigned>(h.heap->get_flavour().heap_address_bits());
        return {};
    }
    for (const source_heap::value& v : h.values) {
        if (v.scalar != counter_) continue;
        const std::optional<scalar_value> n = v.layout->scalar(*v.raw);
        if (!n || v.layout->bits() > 64 || std::holds_alternative<double>(*n) ||
            std::holds_alternative<std::string>(*n))
            return quoted(counter_->id, counter_->name) + " is " + v.layout->to_string() +
                   ", which does not count samples";
        const auto* const i = std::get_if<std::int64_t>(&*n);
        h.place = i != nullptr ? static_cast<std::uint64_t>(*i) : std::get<std::uint64_t>(*n);
        h.place_bits = static_cast<unsigned>(v.layout->bits());
        return {};
    }
    return "there is no " + quoted(counter_->id, counter_->name) +
           ", which says where in time the samples belong";
}

}  // namespace gr::spead2
