// SPDX-License-Identifier: GPL-3.0-or-later
// The names that options with a choice have in Python and in GNU Radio Companion.
#pragma once

#include <array>

namespace gr::spead2 {

/// The names of an enumeration's values, in their order.
template <typename Enum>
inline constexpr std::array<const char*, 0> choice_names{};

}  // namespace gr::spead2
