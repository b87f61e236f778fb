// SPDX-License-Identifier: Apache-2.0
// How values are shown in the texts of errors and descriptions.
#pragma once

#include <array>
#include <charconv>
#include <string>

namespace spead2 {

/// The shortest text that reads back as the same number: "0.1", "-9007199254740992", "1e+300".
[[nodiscard]] inline std::string to_text(double value) {
    std::array<char, 32> text{};  // the longest are of 24 characters
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), end};
}

}  // namespace spead2
