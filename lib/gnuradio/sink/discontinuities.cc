// SPDX-License-Identifier: GPL-3.0-or-later
#include "discontinuities.h"

#include <cmath>
#include <stdexcept>
#include <utility>

#include "boundaries.h"
#include "common/pmt_text.h"

namespace gr::spead2 {

discontinuities::discontinuities(const std::vector<std::string>& keys, double sample_rate)
    : rate_key_(pmt::mp("rx_rate")), fixed_rate_(sample_rate) {
    if (!(sample_rate >= 0) || !std::isfinite(sample_rate))
        throw std::invalid_argument("sample_rate is " + std::to_string(sample_rate) +
                                    ", but must be samples per second, or 0 for what tags say");
    for (const std::string& key : keys) {
        if (key.empty()) throw std::invalid_argument("restart_tag has an empty key");
        keys_.push_back(pmt::string_to_symbol(key));
    }
}

void discontinuities::reset(std::uint64_t position) {
    rate_ = fixed_rate_;
    begin_ = position;
    last_.clear();
    clock_port_.reset();
    breaks_.clear();
    gaps_.clear();
    missing_ = passed_ = 0;
}

std::string discontinuities::add(std::size_t port, std::uint64_t position, const pmt::pmt_t& key,
                                 const pmt::pmt_t& value) {
    std::string told;
    const bool known = breaks_.contains(position);  // from another port
    for (std::size_t k = 0; k < keys_.size(); ++k) {
        if (!pmt::eq(key, keys_[k])) continue;
        last_value& last = last_[{port, k}];
        const std::string name = "tag '" + pmt::symbol_to_string(key) + "' ";
        if (const std::optional<tag_time> time = to_time(value)) {
            told = add_time(port, position, name, last, *time);
        } else if (last.value ? !pmt::eqv(last.value, value) : position > begin_) {
            breaks_.insert(position);
            told = name + at_sample(port, position) + " is new: " + brief(value);
        }
        last.value = value;
    }
    if (pmt::eq(key, rate_key_) && fixed_rate_ == 0 && pmt::is_real(value))
        set_rate(position, pmt::to_double(value));
    return known ? std::string() : told;
}

std::string discontinuities::add_time(std::size_t port, std::uint64_t position,
                                      const std::string& name, last_value& last,
                                      const tag_time& time) {
    const std::optional<tag_time> before = std::exchange(last.time, time);
    const std::uint64_t since = position - std::exchange(last.position, position);
    if (!clock_port_) clock_port_ = port;
    if (!before) {
        if (position == begin_) return {};
        breaks_.insert(position);
        return name + at_sample(port, position) + " is the first one";
    }
    const long double seconds = time.since(*before);
    if (since == 0 && seconds == 0) return {};  // the same tag, by another way
    if (rate_ == 0) {
        breaks_.insert(position);
        return name + at_sample(port, position) +
               " is new; how many samples are missing is not known without sample_rate or tags "
               "'rx_rate', so counters do not follow";
    }
    const long double lost = seconds * rate_ - static_cast<long double>(since);
    if (std::abs(lost) < 0.5L) return {};
    breaks_.insert(position);
    if (std::abs(lost) >= 0x1p63L) return name + at_sample(port, position) + " is far away";
    const auto samples = static_cast<std::int64_t>(std::llround(lost));
    if (port == clock_port_) {
        missing_ += static_cast<std::uint64_t>(samples);
        gaps_.push_back({position, missing_});
    }
    return std::to_string(samples) + " samples are missing before " + name +
           at_sample(port, position);
}

/// Times are reckoned from the last one at the rate that holds since then.
void discontinuities::set_rate(std::uint64_t position, double rate) {
    if (!(rate > 0) || !std::isfinite(rate) || rate == rate_) return;
    for (auto& [where, last] : last_) {
        if (!last.time || last.position >= position || rate_ == 0) continue;
        last.time->fraction += static_cast<double>(position - last.position) / rate_;
        last.position = position;
    }
    rate_ = rate;
}

std::optional<std::uint64_t> discontinuities::within(std::uint64_t start, std::uint64_t end) {
    while (!breaks_.empty() && *breaks_.begin() <= start) breaks_.erase(breaks_.begin());
    if (breaks_.empty() || *breaks_.begin() >= end) return std::nullopt;
    return *breaks_.begin();
}

std::uint64_t discontinuities::missing(std::uint64_t position) {
    for (; !gaps_.empty() && gaps_.front().position <= position; gaps_.pop_front())
        passed_ = gaps_.front().missing;
    return passed_;
}

}  // namespace gr::spead2
