// SPDX-License-Identifier: Apache-2.0
// The options of a configuration: each stands once, in the structure's static options(), with its
// name, its text and what it may be; its default is what a new structure has. Faces bind and check
// options from there and do not name them again.
//
//     struct udp_options {
//         std::optional<int> ttl;
//         static constexpr auto options() {
//             return std::tuple{option("ttl", &udp_options::ttl, between(0, 255),
//                                      "Hops that multicast packets may make.")};
//         }
//     };
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <spead2/base/errors.h>
#include <spead2/base/text.h>

namespace spead2 {

/// From \a low to \a high, both included.
template <typename T>
struct bounds {
    T low;
    T high;
};

template <typename T>
[[nodiscard]] constexpr bounds<T> between(T low, T high) noexcept {
    return {low, high};
}
template <typename T>
[[nodiscard]] constexpr bounds<T> at_least(T low) noexcept {
    return {low, std::numeric_limits<T>::max()};
}

namespace detail {

template <typename T>
struct inside_optional {
    using type = T;
};
template <typename T>
struct inside_optional<std::optional<T>> {
    using type = T;
};

/// What can be compared with bounds: numbers, but not truth values.
template <typename T>
inline constexpr bool is_number = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;

template <typename T>
[[nodiscard]] std::string number_text(const T& value) {
    if constexpr (std::is_floating_point_v<T>)
        return to_text(static_cast<double>(value));
    else
        return std::to_string(value);
}

}  // namespace detail

/// An option that is a public member. What is set straight in the structure is checked by
/// check_options().
template <typename Struct, typename T>
struct member_option {
    using struct_type = Struct;
    using value_type = T;
    using number_type = detail::inside_optional<T>::type;

    const char* name;
    const char* text;
    T Struct::*member;
    bounds<number_type> allowed;

    [[nodiscard]] const T& get(const Struct& s) const noexcept { return s.*member; }
    /// \throw range_error
    void set(Struct& s, T value) const {
        check_value(value);
        s.*member = std::move(value);
    }
    /// \throw range_error
    void check(const Struct& s) const { check_value(s.*member); }

    /// "must be from 0 to 255"; for numbers only.
    [[nodiscard]] std::string range_text() const {
        const std::string low = detail::number_text(allowed.low);
        // Beyond what anybody would count to.
        if (sizeof(number_type) >= 4 && allowed.high == std::numeric_limits<number_type>::max())
            return "must be at least " + low;
        return "must be from " + low + " to " + detail::number_text(allowed.high);
    }

private:
    void check_value(const T& value) const {
        if constexpr (!detail::is_number<number_type>) {
            return;
        } else if constexpr (std::is_same_v<T, number_type>) {
            check_number(value);
        } else {
            if (value) check_number(*value);
        }
    }
    void check_number(const number_type& value) const {
        if (value >= allowed.low && value <= allowed.high) return;
        throw range_error(std::string(name) + " is " + detail::number_text(value) + ", but " +
                          range_text());
    }
};

/// An option with a function that reads it and one that checks and sets it.
template <typename Struct, typename T, typename Getter, typename Setter>
struct accessor_option {
    using struct_type = Struct;
    using value_type = T;

    const char* name;
    const char* text;
    Getter getter;
    Setter setter;

    [[nodiscard]] decltype(auto) get(const Struct& s) const { return std::invoke(getter, s); }
    void set(Struct& s, T value) const { std::invoke(setter, s, std::move(value)); }
    void check(const Struct&) const noexcept {}
};

namespace detail {

template <typename T>
constexpr auto any_number() noexcept {
    if constexpr (is_number<T>)
        return bounds<T>{std::numeric_limits<T>::lowest(), std::numeric_limits<T>::max()};
    else
        return bounds<T>{};
}

template <typename Member>
struct struct_of;
template <typename Struct, typename Member>
struct struct_of<Member Struct::*> {
    using type = Struct;
};

}  // namespace detail

template <typename Struct, typename T>
[[nodiscard]] constexpr auto option(const char* name, T Struct::*member, const char* text) {
    using number = detail::inside_optional<T>::type;
    return member_option<Struct, T>{name, text, member, detail::any_number<number>()};
}

template <typename Struct, typename T, typename U>
[[nodiscard]] constexpr auto option(const char* name, T Struct::*member, bounds<U> allowed,
                                    const char* text) {
    using number = detail::inside_optional<T>::type;
    return member_option<Struct, T>{
        name, text, member, {static_cast<number>(allowed.low), static_cast<number>(allowed.high)}};
}

/// \param getter  const member function
/// \param setter  member function with the value as its parameter; it checks
template <typename Getter, typename Setter>
requires std::is_member_function_pointer_v<Setter>
[[nodiscard]] constexpr auto option(const char* name, Getter getter, Setter setter,
                                    const char* text) {
    using structure = detail::struct_of<Getter>::type;
    using value = std::remove_cvref_t<std::invoke_result_t<Getter, const structure&>>;
    return accessor_option<structure, value, Getter, Setter>{name, text, getter, setter};
}

/// Call \a f with each option of a structure.
template <typename Struct, typename F>
constexpr void for_each_option(F&& f) {
    std::apply([&f](const auto&... option) { (f(option), ...); }, Struct::options());
}

/// Whether all options are what they may be. \throw range_error
template <typename Struct>
void check_options(const Struct& s) {
    for_each_option<Struct>([&s](const auto& option) { option.check(s); });
}

}  // namespace spead2
