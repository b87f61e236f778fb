// SPDX-License-Identifier: Apache-2.0
// How values are shown in the texts of errors and descriptions, and texts as parameters of templates.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

namespace spead2 {

/// The shortest text that reads back as the same number: "0.1", "-9007199254740992", "1e+300".
[[nodiscard]] inline std::string to_text(double value) {
    std::array<char, 32> text{};  // the longest are of 24 characters
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), end};
}

/// A text as the parameter of a template.
template <std::size_t N>
struct literal_text {
    char characters[N];  // NOLINT(*-avoid-c-arrays): of a literal
    // NOLINTNEXTLINE(*-avoid-c-arrays, google-explicit-constructor, hicpp-explicit-conversions)
    consteval literal_text(const char (&literal)[N]) {
        std::copy_n(static_cast<const char*>(literal), N, static_cast<char*>(characters));
    }
    [[nodiscard]] consteval std::string_view view() const { return {characters, N - 1}; }
};

}  // namespace spead2
