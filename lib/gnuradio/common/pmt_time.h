// SPDX-License-Identifier: GPL-3.0-or-later
// A time as tags have it: whole and fractional seconds, in a tuple (UHD's rx_time) or a pair.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include <pmt/pmt.h>

namespace gr::spead2 {

struct tag_time {
    std::uint64_t seconds = 0;
    double fraction = 0;

    /// Seconds from \a earlier to this.
    [[nodiscard]] long double since(const tag_time& earlier) const noexcept {
        return static_cast<long double>(static_cast<std::int64_t>(seconds - earlier.seconds)) +
               (static_cast<long double>(fraction) - earlier.fraction);
    }
};

/// Nothing if \a value is no time.
inline std::optional<tag_time> to_time(const pmt::pmt_t& value) {
    pmt::pmt_t whole;
    pmt::pmt_t fraction;
    if (pmt::is_tuple(value) && pmt::length(value) == 2) {
        whole = pmt::tuple_ref(value, 0);
        fraction = pmt::tuple_ref(value, 1);
    } else if (pmt::is_pair(value)) {
        whole = pmt::car(value);
        fraction = pmt::cdr(value);
    } else {
        return std::nullopt;
    }
    if (!pmt::is_real(fraction) || !(pmt::is_uint64(whole) || pmt::is_integer(whole)))
        return std::nullopt;
    if (!pmt::is_uint64(whole) && pmt::to_long(whole) < 0) return std::nullopt;
    const double rest = pmt::to_double(fraction);
    if (!std::isfinite(rest)) return std::nullopt;
    return tag_time{pmt::to_uint64(whole), rest};
}

}  // namespace gr::spead2
