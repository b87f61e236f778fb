// SPDX-License-Identifier: Apache-2.0
// What a structure of options is given first, by place or by name: where a stream goes to, the file
// that it writes. As options (options.h) each stands once, in the structure's static arguments();
// its type says how faces read it.
//
//     struct file_options {
//         std::filesystem::path path;
//         static constexpr auto arguments() {
//             return std::tuple{argument("path", &file_options::path, "The file.")};
//         }
//     };
#pragma once

#include <tuple>

namespace spead2 {

/// An argument that is a public member.
/// \tparam Needed  else it may be left out, and is what a new structure has
template <typename Struct, typename T, bool Needed>
struct member_argument {
    using struct_type = Struct;
    using value_type = T;
    static constexpr bool needed = Needed;

    const char* name;
    const char* text;
    T Struct::*member;
};

template <typename Struct, typename T>
[[nodiscard]] constexpr auto argument(const char* name, T Struct::*member, const char* text) {
    return member_argument<Struct, T, true>{name, text, member};
}
template <typename Struct, typename T>
[[nodiscard]] constexpr auto optional_argument(const char* name, T Struct::*member,
                                               const char* text) {
    return member_argument<Struct, T, false>{name, text, member};
}

/// Call \a f with each argument of a structure.
template <typename Struct, typename F>
constexpr void for_each_argument(F&& f) {
    std::apply([&f](const auto&... argument) { (f(argument), ...); }, Struct::arguments());
}

}  // namespace spead2
