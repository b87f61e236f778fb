// SPDX-License-Identifier: Apache-2.0
// Binds the options of a configuration (spead2/base/options.h) without naming them again: as
// properties, keywords, texts, and rows of the module's dict OPTIONS, against which stubs and other
// faces are held.
#pragma once

#include <concepts>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <spead2/base/options.h>

#include "arguments.h"
#include "objects.h"

namespace spead2::python {

/// How the values of a type look in Python. Specialise it for enumerations and others; type() is
/// what stubs and texts call it. show() makes a new object.
template <typename T>
struct option_value;

template <>
struct option_value<bool> {
    static std::string type() { return "bool"; }
    /// Of any number, or None: a text is more likely a mistake.
    static bool load(const py::handle& object, const char* name) {
        if (!object.is_none() && PyNumber_Check(object.ptr()) == 0)
            throw py::type_error(std::string(name) + " must be True or False, not " +
                                 repr(object.ptr()));
        return is_true(object.ptr());
    }
    static py::object show(bool value) { return py::bool_(value); }
};

template <std::integral T>
struct option_value<T> {
    static std::string type() { return "int"; }
    static T load(const py::handle& object, const char* name) {
        if constexpr (sizeof(T) == 8)
            return to_integer<T>(object, name);
        else
            return static_cast<T>(to_int(object.ptr(), name, std::numeric_limits<T>::min(),
                                         std::numeric_limits<T>::max()));
    }
    static py::object show(T value) { return py::int_(value); }
};

template <std::floating_point T>
struct option_value<T> {
    static std::string type() { return "float"; }
    static T load(const py::handle& object, const char* name) {
        return static_cast<T>(to_double(object.ptr(), name));
    }
    static py::object show(T value) { return py::float_(static_cast<double>(value)); }
};

template <>
struct option_value<std::string> {
    static std::string type() { return "str"; }
    static std::string load(const py::handle& object, const char* name) {
        return to_str(object.ptr(), name);
    }
    static py::object show(const std::string& value) { return py::str(value); }
};

template <typename T>
struct option_value<std::optional<T>> {
    static std::string type() { return option_value<T>::type() + " | None"; }
    static std::optional<T> load(const py::handle& object, const char* name) {
        if (object.is_none()) return std::nullopt;
        return option_value<T>::load(object, name);
    }
    static py::object show(const std::optional<T>& value) {
        return value ? option_value<T>::show(*value) : py::none();
    }
};

/// The value for an option. \throw what the option or option_value does for wrong ones
template <typename Option>
[[nodiscard]] auto load_value(const Option& option, const py::handle& object) {
    using value = Option::value_type;
    if constexpr (requires { typename Option::number_type; }) {
        using number = Option::number_type;
        // Those beyond the C++ type's range are told the option's.
        if constexpr (std::integral<number> && !std::same_as<number, bool> && sizeof(number) < 8) {
            if constexpr (!std::same_as<number, value>)
                if (object.is_none()) return value();
            const std::optional<std::int64_t> wide = to_int64(object.ptr(), option.name);
            if (!wide || std::cmp_less(*wide, option.allowed.low) ||
                std::cmp_greater(*wide, option.allowed.high))
                throw_range_error(std::string(option.name) + " is " + repr(object.ptr()) +
                                  ", but " + option.range_text());
            return value(static_cast<number>(*wide));
        } else {
            return option_value<value>::load(object, option.name);
        }
    } else {
        return option_value<value>::load(object, option.name);
    }
}

/// One option as faces see it.
struct option_row {
    std::string name;
    std::string type;
    py::object initial;
    std::string text;
    py::object limits;  ///< (lowest, highest) of a number, None where there is none
};

/// What numbers an option may have, where its structure says that.
template <typename Option>
[[nodiscard]] py::object show_limits(const Option& option) {
    if constexpr (requires { typename Option::number_type; }) {
        using number = Option::number_type;
        if constexpr (spead2::detail::is_number<number>) {
            using limits = std::numeric_limits<number>;
            const auto show = [](number value, number unbounded) {
                return value == unbounded ? py::none() : option_value<number>::show(value);
            };
            return py::make_tuple(std::is_unsigned_v<number>
                                      ? option_value<number>::show(option.allowed.low)
                                      : show(option.allowed.low, limits::lowest()),
                                  show(option.allowed.high, limits::max()));
        }
    }
    return py::none();
}

/// The rows of a structure's options.
template <typename Options>
[[nodiscard]] std::vector<option_row> option_rows() {
    std::vector<option_row> rows;
    const Options initial;
    for_each_option<Options>([&](const auto& o) {
        using value = option_value<typename std::remove_cvref_t<decltype(o)>::value_type>;
        rows.push_back(
            {o.name, value::type(), value::show(o.get(initial)), o.text, show_limits(o)});
    });
    return rows;
}

/// The section "Parameters" of a docstring: \a rows, and \a others of the same form behind them.
[[nodiscard]] std::string parameters_section(const std::vector<option_row>& rows,
                                             const char* others = "");

/// Rows as Python has them: tuples of name, type, default, text and limits.
[[nodiscard]] py::list show_rows(const std::vector<option_row>& rows);

/// Add rows to the dict OPTIONS of the module, under the name of what takes them.
void publish_options(const py::module_& m, const char* owner, const std::vector<option_row>& rows);

/// Set an attribute for each keyword.
/// \throw TypeError for a name that is no attribute, AttributeError for one that cannot be set
void set_attributes(const py::handle& self, const py::kwargs& keywords);

/// "StreamConfig(max_packet_size=1472, ...)".
[[nodiscard]] std::string show_attributes(const py::handle& self, const char* function,
                                          const std::vector<std::string>& names);

/// Set an option by its name, where there is one.
template <typename Options>
[[nodiscard]] bool set_option(Options& options, std::string_view name, const py::handle& object) {
    bool found = false;
    for_each_option<Options>([&](const auto& o) {
        if (found || name != o.name) return;
        found = true;
        o.set(options, load_value(o, object));
    });
    return found;
}

/// The options that are given by keyword.
/// \throw TypeError for one that there is not, and what wrong values throw
template <typename Options>
[[nodiscard]] Options options_by_keyword(const char* function, const py::kwargs& keywords) {
    Options made;
    for (const auto& [key, value] : keywords) {
        const std::string name = to_utf8(key.ptr());
        if (!set_option(made, name, value))
            throw py::type_error(std::string(function) + "() got an unexpected keyword argument '" +
                                 name + "'");
    }
    return made;
}

/// Give a class a property for each option of \a Options, which \a inner finds in an object, and a
/// constructor that takes them by keyword, and \a others that the class binds by itself.
template <typename Options, typename Class, typename Inner>
void bind_options(const py::module_& m, Class& bound, const char* name, Inner inner,
                  const std::vector<std::string>& others = {}) {
    using config = Class::type;
    std::vector<std::string> names;
    for_each_option<Options>([&](const auto& o) {
        using value = option_value<typename std::remove_cvref_t<decltype(o)>::value_type>;
        names.emplace_back(o.name);
        // The row has static storage, or values in it that have.
        bound.def_property(
            o.name, [o, inner](config& c) { return value::show(o.get(inner(c))); },
            [o, inner](config& c, const py::object& object) {
                // First what can run Python code.
                auto loaded = load_value(o, object);
                o.set(inner(c), std::move(loaded));
            },
            o.text);
    });
    names.insert(names.end(), others.begin(), others.end());
    bound
        .def(py::init([](const py::kwargs& keywords) {
            auto made = std::make_unique<config>();
            const py::object self = py::cast(made.get(), py::return_value_policy::reference);
            set_attributes(self, keywords);
            return made;
        }))
        .def("__repr__",
             [name, names](const py::object& self) { return show_attributes(self, name, names); });
    publish_options(m, name, option_rows<Options>());
}

/// The same for a class that is bound from the structure itself.
template <typename Class>
void bind_options(const py::module_& m, Class& bound, const char* name,
                  const std::vector<std::string>& others = {}) {
    using config = Class::type;
    bind_options<config>(
        m, bound, name, [](config& c) -> config& { return c; }, others);
}

}  // namespace spead2::python
