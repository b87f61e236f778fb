// SPDX-License-Identifier: GPL-3.0-or-later
#include "value_tags.h"

#include <algorithm>
#include <cmath>

namespace gr::spead2 {
namespace {

/// Values of items that nothing was said about: larger ones are no tags.
constexpr std::size_t largest_other = 4096;

/// A time as UHD's rx_time says it.
pmt::pmt_t to_time(const scalar_value& v, double rate) {
    std::uint64_t seconds = 0;
    double fraction = 0;
    if (const auto* d = std::get_if<double>(&v)) {
        if (!(*d >= 0 && *d < 0x1p63)) return {};
        seconds = static_cast<std::uint64_t>(*d);
        fraction = *d - std::floor(*d);
    } else {
        const auto* u = std::get_if<std::uint64_t>(&v);
        const std::uint64_t ticks =
            u != nullptr ? *u : static_cast<std::uint64_t>(std::get<std::int64_t>(v));
        if (rate == std::floor(rate) && rate < 0x1p63) {
            const auto r = static_cast<std::uint64_t>(rate);
            seconds = ticks / r;
            fraction = static_cast<double>(ticks % r) / rate;
        } else {
            const long double t = static_cast<long double>(ticks) / rate;
            seconds = static_cast<std::uint64_t>(t);
            fraction = static_cast<double>(t - static_cast<long double>(seconds));
        }
    }
    return pmt::make_tuple(pmt::from_uint64(seconds), pmt::from_double(fraction));
}

bool is_time(const scalar_item& s) {
    return s.from == scalar_item::source::tag && (s.tick_rate > 0 || s.key == "rx_time");
}

}  // namespace

value_tags::value_tags(const std::vector<scalar_track>& scalars)
    : scalars_(scalars), standing_(scalars.size()) {}

void value_tags::reset() {
    std::fill(standing_.begin(), standing_.end(), standing());
    others_.clear();
}

std::size_t value_tags::port(const source_heap::value& v) {
    return v.scalar == nullptr ? 0 : static_cast<std::size_t>(v.scalar->port);
}

pmt::pmt_t value_tags::key(const source_heap::value& v) {
    if (v.scalar == nullptr) return pmt::string_to_symbol(v.layout->name());
    return pmt::string_to_symbol(v.scalar->from == scalar_item::source::tag ? v.scalar->key
                                                                            : v.scalar->name);
}

pmt::pmt_t value_tags::value_of(const source_heap::value& v) {
    if (v.scalar == nullptr) return v.layout->value(*v.raw);
    const std::optional<scalar_value> value = v.layout->scalar(*v.raw);
    if (!value) return {};
    if (is_time(*v.scalar) && !std::holds_alternative<std::string>(*value) &&
        (v.scalar->tick_rate > 0 || std::holds_alternative<double>(*value)))
        return to_time(*value, v.scalar->tick_rate);
    return to_pmt(*value);
}

pmt::pmt_t value_tags::changed(const source_heap::value& v, std::uint64_t position) {
    if (v.scalar == nullptr) {
        const std::size_t n = v.raw->length;
        if (n > largest_other) return {};
        std::vector<std::uint8_t>& before = others_[v.layout->id()];
        if (before.size() == n && std::equal(before.begin(), before.end(), v.raw->data)) return {};
        before.assign(v.raw->data, v.raw->data + n);
        return value_of(v);
    }
    const auto track = std::find_if(scalars_.begin(), scalars_.end(),
                                    [&](const auto& s) { return &s.what() == v.scalar; });
    const std::optional<scalar_value> value = v.layout->scalar(*v.raw);
    if (!value) return {};
    standing& before = standing_[static_cast<std::size_t>(track - scalars_.begin())];
    const bool told = v.scalar->from != scalar_item::source::tag || v.scalar->sticky;
    if (told && before.value && follows(*track, before, *value, position)) return {};
    before = {value, position};
    return value_of(v);
}

/// Whether \a value is what became of the one before in the samples since.
bool value_tags::follows(const scalar_track& s, const standing& before, const scalar_value& value,
                         std::uint64_t position) const {
    const scalar_item& what = s.what();
    const std::uint64_t samples = position - before.position;
    double step = 0;
    scalar_value expected = *before.value;
    if (what.from == scalar_item::source::counter) {
        const std::uint64_t more = static_cast<std::uint64_t>(what.step) * samples;
        if (auto* u = std::get_if<std::uint64_t>(&expected))
            *u += more;
        else if (auto* i = std::get_if<std::int64_t>(&expected))
            *i = static_cast<std::int64_t>(static_cast<std::uint64_t>(*i) + more);
    } else {
        step = what.tag_step;
        const auto* d = std::get_if<double>(&value);
        const auto* e = std::get_if<double>(&expected);
        if (d != nullptr && e != nullptr && std::isnan(*d) && std::isnan(*e)) return true;
        if (step == 0) return value == expected;
        expected = advance(expected, step, samples);
    }
    if (const auto* d = std::get_if<double>(&value)) {
        const auto* e = std::get_if<double>(&expected);
        return e != nullptr && std::abs(*d - *e) <= 0x1p-50 * std::abs(*e);
    }
    // In the numbers that the type can hold, which wrap; where a tick is not a whole number of
    // samples the sender rounded, too.
    const std::optional<encoded_scalar> a = s.format().encode(value);
    const std::optional<encoded_scalar> b = s.format().encode(expected);
    if (!a || !b || a->text != b->text) return false;
    const std::uint64_t tolerance = step == std::floor(step) ? 0 : 1;
    return a->number - b->number + tolerance <= 2 * tolerance;
}

}  // namespace gr::spead2
