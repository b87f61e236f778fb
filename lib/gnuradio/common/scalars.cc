// SPDX-License-Identifier: GPL-3.0-or-later
#include "scalars.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "common/pmt_text.h"
#include "common/pmt_time.h"

namespace gr::spead2 {
namespace {

[[noreturn]] void bad_dtype(const scalar_item& s) {
    throw std::invalid_argument("scalar item '" + s.name + "': dtype '" + s.dtype +
                                "' is not known; use int8 to int64, uint8 to uint64 (in steps of "
                                "8 bits), float32, float64 or str");
}

/// Ticks of a time in seconds: exact where the rate is a whole number.
std::optional<scalar_value> to_ticks(std::uint64_t seconds, double fraction, double rate) {
    const long double whole = static_cast<long double>(seconds) * rate;
    const long double ticks = whole + std::round(static_cast<long double>(fraction) * rate);
    if (!(ticks >= 0) || ticks >= 0x1p64L) return std::nullopt;
    if (rate == std::floor(rate) && rate < 0x1p63) {
        const auto r = static_cast<std::uint64_t>(rate);
        const auto part = static_cast<std::int64_t>(std::llround(fraction * rate));
        return seconds * r + static_cast<std::uint64_t>(part);
    }
    return static_cast<std::uint64_t>(std::round(ticks));
}

}  // namespace

scalar_value advance(const scalar_value& v, double step, std::uint64_t samples) {
    const double more = step * static_cast<double>(samples);
    if (const auto* d = std::get_if<double>(&v)) return *d + more;
    if (std::abs(more) >= 0x1p63) return v;
    const auto ticks = static_cast<std::uint64_t>(std::llround(more));
    if (const auto* u = std::get_if<std::uint64_t>(&v)) return *u + ticks;
    if (const auto* i = std::get_if<std::int64_t>(&v))
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(*i) + ticks);
    return v;
}

scalar_format::scalar_format(const scalar_item& s) {
    const std::string& name = s.dtype;
    const auto number_after = [&](std::size_t prefix) -> std::size_t {
        std::size_t bits = 0;
        const char* const end = name.data() + name.size();
        const auto [p, error] = std::from_chars(name.data() + prefix, end, bits);
        if (error != std::errc() || p != end) bad_dtype(s);
        return bits;
    };
    if (name == "str") {
        field_ = {'c', 8};
        return;
    }
    if (name.starts_with("uint"))
        field_ = {'u', number_after(4)};
    else if (name.starts_with("int"))
        field_ = {'i', number_after(3)};
    else if (name.starts_with("float"))
        field_ = {'f', number_after(5)};
    else
        bad_dtype(s);
    if (!engine::is_legal(field_) || field_.bits > 64 || field_.bits % 8 != 0) bad_dtype(s);
}

engine::descriptor scalar_format::describe(const scalar_item& s) const {
    engine::descriptor d{s.id, s.name, s.description, {}, {field_}, {}};
    if (is_text()) d.shape.push_back(engine::variable_dimension);
    return d;
}

encoded_scalar scalar_format::wrap(std::uint64_t v) const noexcept {
    return {v & engine::low_bits_mask(field_.bits), {}};
}

std::optional<encoded_scalar> scalar_format::encode(const scalar_value& v,
                                                    engine::overflow rule) const {
    if (const auto* text = std::get_if<std::string>(&v)) {
        if (is_text()) return encoded_scalar{0, *text};
        return std::nullopt;
    }
    if (is_text()) return std::nullopt;
    std::optional<std::uint64_t> raw;
    if (const auto* u = std::get_if<std::uint64_t>(&v))
        raw = engine::encode(engine::integer::of(*u), field_, rule);
    else if (const auto* i = std::get_if<std::int64_t>(&v))
        raw = engine::encode(engine::integer::of(*i), field_, rule);
    else
        raw = engine::encode(std::get<double>(v), field_, rule);
    if (!raw) return std::nullopt;
    return encoded_scalar{*raw, {}};
}

scalar_track::scalar_track(const scalar_item& s) : item_(s), format_(s) {
    switch (s.from) {
        case scalar_item::source::tag:
            if (s.key.empty())
                throw std::invalid_argument("scalar item '" + s.name + "': the tag's key is empty");
            if (s.tick_rate < 0 || !std::isfinite(s.tick_rate))
                throw std::invalid_argument("scalar item '" + s.name + "': rate " +
                                            std::to_string(s.tick_rate) +
                                            " must be a positive number of ticks per second");
            if (!std::isfinite(s.tag_step))
                throw std::invalid_argument("scalar item '" + s.name + "': step is not finite");
            key_ = pmt::string_to_symbol(s.key);
            break;
        case scalar_item::source::counter:
            if (format_.is_text() || format_.is_float())
                throw std::invalid_argument("scalar item '" + s.name + "': a counter of dtype '" +
                                            s.dtype + "' is not possible; use int or uint");
            break;
        case scalar_item::source::constant:
            if (!s.value)
                throw std::invalid_argument("scalar item '" + s.name + "': a constant has a value");
            break;
    }
    if (s.value && !(fixed_ = format_.encode(*s.value, engine::overflow::refuse)))
        throw std::invalid_argument("scalar item '" + s.name + "': its value does not fit dtype '" +
                                    s.dtype + "'");
}

void scalar_track::reset() { tags_.clear(); }

std::optional<scalar_value> scalar_track::convert(const pmt::pmt_t& value) const {
    if (format_.is_text()) {
        if (pmt::is_symbol(value)) return pmt::symbol_to_string(value);
        // No record of samples: that would be a text of them.
        if (pmt::is_uniform_vector(value)) return std::nullopt;
        if (const std::optional<std::string> text = whole_text(value)) return *text;
        return std::nullopt;
    }
    if (pmt::is_bool(value)) return static_cast<std::int64_t>(pmt::to_bool(value));
    if (pmt::is_uint64(value)) return pmt::to_uint64(value);
    if (pmt::is_integer(value)) return static_cast<std::int64_t>(pmt::to_long(value));
    if (pmt::is_real(value)) return pmt::to_double(value);

    const std::optional<tag_time> time = to_time(value);
    if (!time) return std::nullopt;
    if (item_.tick_rate > 0) return to_ticks(time->seconds, time->fraction, item_.tick_rate);
    if (format_.is_float()) return static_cast<double>(time->seconds) + time->fraction;
    return std::nullopt;
}

bool scalar_track::add_tag(std::uint64_t offset, const pmt::pmt_t& value) {
    const std::optional<scalar_value> v = convert(value);
    if (!v || !format_.encode(*v)) return false;
    tags_.push_back({offset, *v, to_time(value).has_value()});
    return true;
}

void scalar_track::settle(std::uint64_t start, std::uint64_t position) {
    if (tags_.size() < 2) {
        if (!item_.sticky && !tags_.empty() && tags_.front().offset < start) tags_.clear();
        return;
    }
    // A sticky value at the heap's start, and the last one within it, for the heap after it; of
    // others the first in the heap.
    if (item_.sticky) {
        while (tags_.size() > 1 && tags_[1].offset <= start) tags_.pop_front();
        const std::size_t first = tags_.front().offset <= start ? 1 : 0;
        std::size_t last = first;
        while (last + 1 < tags_.size() && tags_[last + 1].offset <= position) ++last;
        erase(first, last);
        return;
    }
    while (!tags_.empty() && tags_.front().offset < start) tags_.pop_front();
    std::size_t last = 1;
    while (last < tags_.size() && tags_[last].offset < position) ++last;
    erase(1, last);
}

void scalar_track::forget_times() {
    if (item_.tag_step != 0) return;
    std::erase_if(tags_, [](const tag& t) { return t.is_time; });
}

void scalar_track::erase(std::size_t from, std::size_t to) {
    if (from >= to || from >= tags_.size()) return;
    const auto at = [&](std::size_t i) { return tags_.begin() + static_cast<std::ptrdiff_t>(i); };
    tags_.erase(at(from), at(std::min(to, tags_.size())));
}

std::optional<encoded_scalar> scalar_track::take(std::uint64_t start, std::uint64_t length,
                                                 std::uint64_t missing) {
    switch (item_.from) {
        case scalar_item::source::constant:
            return fixed_;
        case scalar_item::source::counter:
            return format_.wrap(item_.start +
                                static_cast<std::uint64_t>(item_.step) * (start + missing));
        case scalar_item::source::tag:
            break;
    }
    if (item_.sticky) {
        while (tags_.size() > 1 && tags_[1].offset <= start) tags_.pop_front();
        if (tags_.empty() || tags_.front().offset > start) return fixed_;
        return format_.encode(
            advance(tags_.front().value, item_.tag_step, start - tags_.front().offset));
    }
    while (!tags_.empty() && tags_.front().offset < start) tags_.pop_front();
    if (tags_.empty() || tags_.front().offset - start >= length) return fixed_;
    std::optional<encoded_scalar> v = format_.encode(tags_.front().value);
    while (!tags_.empty() && tags_.front().offset - start < length) tags_.pop_front();
    return v;
}

}  // namespace gr::spead2
