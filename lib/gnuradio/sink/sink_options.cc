// SPDX-License-Identifier: GPL-3.0-or-later
#include <gnuradio/spead2/sink_options.h>

#include <charconv>
#include <stdexcept>

namespace gr::spead2 {

substream_rule::substream_rule(int index) {
    if (index < 0)
        throw std::invalid_argument("substream " + std::to_string(index) +
                                    " is negative; substreams are numbered from 0");
    index_ = static_cast<std::size_t>(index);
}

substream_rule::substream_rule(const std::string& rule) {
    const char* const end = rule.data() + rule.size();
    if (rule == "round_robin") {
        kind_ = kind::round_robin;
    } else if (rule.starts_with("tag:") && rule.size() > 4) {
        kind_ = kind::tag;
        key_ = rule.substr(4);
    } else if (const auto [p, error] = std::from_chars(rule.data(), end, index_);
               error != std::errc() || p != end) {
        throw std::invalid_argument("substream '" + rule +
                                    "' is not known; use a number, 'round_robin' or 'tag:KEY'");
    }
}

split_rule::split_rule(int axis) {
    if (axis < 0)
        throw std::invalid_argument("split " + std::to_string(axis) +
                                    " is negative; axes are numbered from 0");
    axis_ = static_cast<std::uint64_t>(axis);
}

split_rule::split_rule(const std::string& rule) {
    if (rule == "new") return;
    const char* const end = rule.data() + rule.size();
    std::uint64_t axis = 0;
    if (const auto [p, error] = std::from_chars(rule.data(), end, axis);
        error != std::errc() || p != end)
        throw std::invalid_argument("split '" + rule + "' is not known; use 'new' or an axis");
    axis_ = axis;
}

}  // namespace gr::spead2
