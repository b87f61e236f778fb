// SPDX-License-Identifier: Apache-2.0
// Binds the arguments of a structure of options (spead2/base/arguments.h) without naming them again:
// reads them from Python's objects, and says what texts and stubs call them.
#pragma once

#include <filesystem>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <spead2/base/arguments.h>
#include <spead2/net/endpoint.h>

#include "endpoints.h"
#include "options.h"

namespace spead2::python {

/// How the values of a type look in Python. load() reads one; finish() makes of that what the
/// structure has, without the GIL. type() is what texts call it, stub() what stubs do. Those that
/// options have, too, are as they are there.
template <typename T>
struct argument_value {
    static std::string type() { return option_value<T>::type(); }
    static std::string stub() { return type(); }
    static T load(const py::handle& object, const char* name) {
        return option_value<T>::load(object, name);
    }
    static T finish(T&& loaded) { return std::move(loaded); }
    static py::object show(const T& value) { return option_value<T>::show(value); }
};

template <>
struct argument_value<std::filesystem::path> {
    static std::string type() { return "path-like"; }
    static std::string stub() { return "str | bytes | os.PathLike[str] | os.PathLike[bytes]"; }
    static std::filesystem::path load(const py::handle& object, const char*) {
        PyObject* encoded = nullptr;
        if (run_python<PyUnicode_FSConverter>(object.ptr(), static_cast<void*>(&encoded)) == 0)
            throw py::error_already_set();
        return std::string(steal(encoded).cast<py::bytes>());
    }
    static std::filesystem::path finish(std::filesystem::path&& loaded) {
        return std::move(loaded);
    }
    static py::object show(const std::filesystem::path& value) { return py::str(value.string()); }
};

/// They are looked up by finish().
template <>
struct argument_value<std::vector<endpoint>> {
    static std::string type() { return "iterable of tuple[str, int]"; }
    static std::string stub() { return "Iterable[tuple[str, int]]"; }
    static host_list load(const py::handle& object, const char*) { return to_endpoints(object); }
    static std::vector<endpoint> finish(host_list&& loaded) { return resolve_all(loaded); }
    static py::object show(const std::vector<endpoint>&) { return py::list(); }
};

template <typename Argument>
using value_of_argument = argument_value<typename std::remove_cvref_t<Argument>::value_type>;

/// The indices of a structure's arguments.
template <typename Options>
using argument_indices =
    std::make_index_sequence<std::tuple_size_v<decltype(Options::arguments())>>;

/// Each argument is an object until load_arguments() reads it.
template <std::size_t>
using object_argument = py::object;

/// What pybind11 is to call argument \a I, and its default if it may be left out.
template <typename Options, std::size_t I>
[[nodiscard]] auto argument_place() {
    constexpr auto argument = std::get<I>(Options::arguments());
    if constexpr (argument.needed)
        return py::arg(argument.name);
    else
        return py::arg_v(argument.name,
                         value_of_argument<decltype(argument)>::show(Options().*argument.member));
}

/// Read one object for each argument. \throw what wrong ones throw
template <typename Options, typename... Objects>
[[nodiscard]] auto load_arguments(const Objects&... objects) {
    return std::apply(
        [&objects...](const auto&... argument) {
            return std::make_tuple(
                value_of_argument<decltype(argument)>::load(objects, argument.name)...);
        },
        Options::arguments());
}

/// Set the members to what load_arguments() has read. Without the GIL.
template <typename Options, typename... Loaded>
void set_arguments(Options& options, std::tuple<Loaded...>& loaded) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        constexpr auto arguments = Options::arguments();
        ((options.*std::get<I>(arguments).member =
              value_of_argument<decltype(std::get<I>(arguments))>::finish(
                  std::move(std::get<I>(loaded)))),
         ...);
    }
    (argument_indices<Options>());
}

/// One argument as faces see it, in the form of an option. Its type is that of stubs.
template <typename Options>
[[nodiscard]] std::vector<option_row> argument_rows() {
    std::vector<option_row> rows;
    const Options initial;
    for_each_argument<Options>([&](const auto& a) {
        using value = value_of_argument<decltype(a)>;
        rows.push_back({a.name, value::stub(),
                        a.needed ? py::object(py::ellipsis()) : value::show(initial.*a.member),
                        a.text, py::none()});
    });
    return rows;
}

/// What docstrings say of the arguments.
template <typename Options>
[[nodiscard]] std::vector<option_row> argument_texts() {
    std::vector<option_row> rows = argument_rows<Options>();
    std::size_t at = 0;
    for_each_argument<Options>(
        [&](const auto& a) { rows[at++].type = value_of_argument<decltype(a)>::type(); });
    return rows;
}

}  // namespace spead2::python
