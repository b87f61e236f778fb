// SPDX-License-Identifier: GPL-3.0-or-later
// Reading the numpy header of a descriptor: a literal of Python with a type and a shape.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gr::spead2 {

struct numpy_header {
    std::string descr;  ///< without quotes, as "<c8"
    bool fortran_order = false;
    std::vector<std::int64_t> shape;
};

/// \return nothing if it is no header, or one of a structure
[[nodiscard]] std::optional<numpy_header> parse_numpy_header(std::string_view text);

}  // namespace gr::spead2
