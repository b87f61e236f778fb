// SPDX-License-Identifier: GPL-3.0-or-later
#include <gnuradio/spead2/item.h>

#include "scalars.h"

namespace gr::spead2 {

// Each makes a scalar_track once, so that mistakes show where they are made.

scalar_item tag_item(std::uint64_t id, const std::string& name, const std::string& description,
                     const std::string& key, const tag_options& options) {
    scalar_item s{id, name, description, options.dtype, scalar_item::source::tag};
    s.key = key;
    s.sticky = options.sticky;
    s.port = options.port;
    s.tick_rate = options.rate;
    s.tag_step = options.step;
    s.value = options.initial;
    static_cast<void>(scalar_track(s));
    return s;
}

scalar_item counter_item(std::uint64_t id, const std::string& name, const std::string& description,
                         std::uint64_t start, std::int64_t step, const std::string& dtype) {
    scalar_item s{id, name, description, dtype, scalar_item::source::counter};
    s.start = start;
    s.step = step;
    static_cast<void>(scalar_track(s));
    return s;
}

scalar_item constant_item(std::uint64_t id, const std::string& name, const std::string& description,
                          const scalar_value& value, const std::string& dtype) {
    static constexpr const char* widest[] = {"int64", "uint64", "float64", "str"};
    scalar_item s{id, name, description, dtype.empty() ? widest[value.index()] : dtype,
                  scalar_item::source::constant};
    s.value = value;
    static_cast<void>(scalar_track(s));
    return s;
}

}  // namespace gr::spead2
