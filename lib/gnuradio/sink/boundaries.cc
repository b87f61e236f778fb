// SPDX-License-Identifier: GPL-3.0-or-later
#include "boundaries.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/pmt_text.h"

namespace gr::spead2 {
namespace {

/// A positive whole number.
std::optional<std::uint64_t> to_length(const pmt::pmt_t& value) {
    if (pmt::is_uint64(value)) {
        const std::uint64_t n = pmt::to_uint64(value);
        return n != 0 ? std::optional(n) : std::nullopt;
    }
    if (pmt::is_integer(value)) {
        const long n = pmt::to_long(value);
        return n > 0 ? std::optional(static_cast<std::uint64_t>(n)) : std::nullopt;
    }
    if (pmt::is_real(value)) {
        const double n = pmt::to_double(value);
        if (n >= 1 && n < 0x1p63 && n == std::floor(n)) return static_cast<std::uint64_t>(n);
    }
    return std::nullopt;
}

}  // namespace

std::string at_sample(std::size_t port, std::uint64_t position) {
    return "on port " + std::to_string(port) + " at sample " + std::to_string(position);
}

boundaries::boundaries(std::size_t ports, std::uint64_t samples_per_heap, std::string length_tag)
    : samples_per_heap_(samples_per_heap), name_(std::move(length_tag)), tags_(ports) {
    if (samples_per_heap_ == 0) key_ = pmt::string_to_symbol(name_);
}

void boundaries::reset() {
    any_ = false;
    for (std::deque<length_tag>& tags : tags_) tags.clear();
}

void boundaries::add(std::size_t port, std::uint64_t position, const pmt::pmt_t& value) {
    any_ = true;
    const std::optional<std::uint64_t> length = to_length(value);
    // Tags of several inputs may have been merged before they came here.
    std::deque<length_tag>& tags = tags_[port];
    if (!tags.empty() && tags.back().position == position && length && tags.back().length == length)
        return;
    tags.push_back({position, length, length ? std::string() : brief(value)});
}

boundaries::found boundaries::at(std::uint64_t position, std::uint64_t available,
                                 std::uint64_t length, std::uint64_t max_length, bool skipping) {
    if (samples_per_heap_ != 0) return {samples_per_heap_, {}, available};
    found f{0, {}, available};
    bool tagged = false;
    for (std::deque<length_tag>& tags : tags_) {
        while (!tags.empty() && tags.front().position < position) tags.pop_front();
        const auto after = std::find_if(tags.begin(), tags.end(),
                                        [&](const auto& t) { return t.position > position; });
        if (after != tags.end()) f.next = std::min(f.next, after->position);
        tagged = tagged || (!tags.empty() && tags.front().position == position);
    }
    if (!tagged) {
        if (!skipping)
            f.problem =
                "there is no tag '" + name_ + "' " + at_sample(0, position) +
                ", where a packet should start" +
                (any_ ? "" : "; set samples_per_heap, or put a Stream to Tagged Stream in front");
        return f;
    }
    std::uint64_t agreed = 0;
    f.problem = disagreement(position, agreed);
    if (!f.problem.empty()) return f;
    const auto here = [&] {
        return "tag '" + name_ + "' " + at_sample(0, position) + " is " + std::to_string(agreed) +
               ", but ";
    };
    if (length != 0 && agreed != length)
        f.problem = here() + "the first packet had " + std::to_string(length) +
                    " samples and variable_length is false";
    else if (agreed > max_length)
        f.problem =
            here() + "a heap holds at most " + std::to_string(max_length) + " of these samples";
    else
        f.length = agreed;
    return f;
}

/// What the tags at \a position do not agree on; the length if they do.
std::string boundaries::disagreement(std::uint64_t position, std::uint64_t& agreed) const {
    const std::string tag = "tag '" + name_ + "' ";
    for (std::size_t p = 0; p < tags_.size(); ++p) {
        if (tags_[p].empty() || tags_[p].front().position != position)
            return "there is no " + tag + at_sample(p, position) +
                   ", but another port has one there";
        const length_tag& t = tags_[p].front();
        if (!t.length)
            return tag + at_sample(p, position) + " is " + t.text +
                   ", but must be a positive number";
        if (p != 0 && *t.length != agreed)
            return tag + at_sample(p, position) + " is " + std::to_string(*t.length) +
                   ", but on the ports before it is " + std::to_string(agreed);
        agreed = *t.length;
    }
    return {};
}

void boundaries::opened(std::uint64_t position) {
    for (std::deque<length_tag>& tags : tags_)
        if (!tags.empty() && tags.front().position == position) tags.pop_front();
}

bool boundaries::has(std::uint64_t position) const {
    return std::any_of(tags_.begin(), tags_.end(), [&](const std::deque<length_tag>& tags) {
        return std::any_of(tags.begin(), tags.end(),
                           [&](const length_tag& t) { return t.position == position; });
    });
}

std::optional<boundaries::place> boundaries::before(std::uint64_t end) const {
    std::optional<place> first;
    for (std::size_t p = 0; p < tags_.size(); ++p)
        if (!tags_[p].empty() && tags_[p].front().position < (first ? first->position : end))
            first = place{p, tags_[p].front().position};
    return first;
}

}  // namespace gr::spead2
