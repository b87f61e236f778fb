// SPDX-License-Identifier: GPL-3.0-or-later
// Values of tags and metadata as text: of whatever size and depth they are, what is written of them
// is short. They come from outside, so neither logs nor the stack may depend on them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <pmt/pmt.h>

namespace gr::spead2 {

/// For messages: the beginning of the value, "..." where something is left out.
[[nodiscard]] std::string brief(const pmt::pmt_t& value);

/// For items: the whole value. Nothing if that is longer than 4096 bytes or nested deeper than 16.
[[nodiscard]] std::optional<std::string> whole_text(const pmt::pmt_t& value);

}  // namespace gr::spead2
