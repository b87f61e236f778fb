// SPDX-License-Identifier: Apache-2.0
// StreamStats, StreamStatConfig and the numbers of the built-in statistics.
#include <pybind11/operators.h>
#include <pybind11/stl.h>

#include <array>
#include <limits>
#include <optional>
#include <string>

#include <spead2/recv/stats.h>

#include "bound_types.h"
#include "support/arguments.h"

namespace spead2::python {
namespace {

using recv::stream_stat_config;
using recv::stream_stat_list;
using recv::stream_stats;

std::array<PyObject*, 2> stat_modes{};

/// Where a statistic is: an int or a name. \throw IndexError, KeyError, TypeError
std::size_t find(const stream_stats& stats, const py::object& key) {
    if (PyUnicode_Check(key.ptr())) {
        if (const auto index = stats.find(key.cast<std::string>())) return *index;
        PyErr_SetObject(PyExc_KeyError, key.ptr());
        throw py::error_already_set();
    }
    const auto index = to_integer<std::size_t>(key, "index of a statistic");
    if (index >= stats.size())
        throw py::index_error("index " + std::to_string(index) + " is out of range: there are " +
                              std::to_string(stats.size()) + " statistics");
    return index;
}

py::list names_of(const stream_stats& stats) {
    py::list names;
    for (const stream_stat_config& config : stats.config()) names.append(config.name);
    return names;
}

py::list values_of(const stream_stats& stats) {
    py::list values;
    for (std::size_t i = 0; i < stats.size(); ++i) values.append(stats[i]);
    return values;
}

py::list items_of(const stream_stats& stats) {
    py::list items;
    for (std::size_t i = 0; i < stats.size(); ++i)
        items.append(py::make_tuple(stats.config()[i].name, stats[i]));
    return items;
}

std::string describe(const stream_stats& stats) {
    std::string text = "<spead2.recv.StreamStats";
    const char* separator = ": ";
    for (std::size_t i = 0; i < stats.size(); ++i) {
        if (stats[i] == 0) continue;
        text += separator + stats.config()[i].name + " " + std::to_string(stats[i]);
        separator = ", ";
    }
    return text + ">";
}

void add_mode(const py::handle& owner) {
    py::list pairs;
    pairs.append(py::make_tuple("COUNTER", 0));
    pairs.append(py::make_tuple("MAXIMUM", 1));
    const py::object mode =
        py::module_::import("enum").attr("Enum")("Mode", pairs, py::arg("module") = "spead2.recv",
                                                 py::arg("qualname") = "StreamStatConfig.Mode");
    mode.attr("__doc__") =
        "How two values become one: COUNTER adds them, MAXIMUM takes the larger one.";
    stat_modes[0] = py::object(mode.attr("COUNTER")).release().ptr();
    stat_modes[1] = py::object(mode.attr("MAXIMUM")).release().ptr();
    owner.attr("Mode") = mode;
}

void bind_stat_config(py::module_& m) {
    auto bound =
        py::class_<stream_stat_config>(m, "StreamStatConfig",
                                       R"(Name and mode of a statistic. Immutable; equal by value.

Parameters
----------
name : str
mode : StreamStatConfig.Mode
    How values of several streams, or times, become one.
)");
    add_mode(bound);
    bound
        .def(py::init([](std::string name, const py::object& mode) {
                 return stream_stat_config{std::move(name), to_stat_mode(mode)};
             }),
             py::arg("name"), py::arg("mode") = from_stat_mode(recv::stat_mode::counter))
        .def_readonly("name", &stream_stat_config::name, "Name of the statistic.")
        .def_property_readonly(
            "mode", [](const stream_stat_config& config) { return from_stat_mode(config.mode); },
            "How two values become one.")
        .def(
            "combine",
            [](const stream_stat_config& config, const py::object& a, const py::object& b) {
                return config.combine(to_integer<std::uint64_t>(a, "a"),
                                      to_integer<std::uint64_t>(b, "b"));
            },
            py::arg("a"), py::arg("b"),
            R"(Make one value of two, as the mode says.

Parameters
----------
a, b : int
    From 0 to 2**64 - 1; sums wrap.

Returns
-------
int
)")
        .def(py::self == py::self)  // NOLINT(misc-redundant-expression)
        .def(py::self != py::self)  // NOLINT(misc-redundant-expression)
        .def("__repr__", [](const stream_stat_config& config) {
            return "StreamStatConfig(" + py::repr(py::str(config.name)).cast<std::string>() + ", " +
                   py::str(from_stat_mode(config.mode)).cast<std::string>() + ")";
        });
    bound.attr("__hash__") = py::none();
    set_module(bound, "spead2.recv");
}

void register_stats(py::module_& m) {
    auto bound = py::class_<stream_stats>(m, "StreamStats",
                                          R"(What a stream has counted, at one time.

Values are found by name or index: ``stats["heaps"]``, ``stats[0]``, and the built-in ones as
attributes. Iteration goes over the names. Statistics of streams with the same configuration can be
added.
)");
    bound
        .def("__getitem__", [](const stream_stats& stats,
                               const py::object& key) { return stats[find(stats, key)]; })
        .def("__setitem__",
             [](stream_stats& stats, const py::object& key, const py::object& value) {
                 const auto number = to_integer<std::uint64_t>(value, "value of a statistic");
                 stats[find(stats, key)] = number;
             })
        .def("__contains__",
             [](const stream_stats& stats, const py::str& name) {
                 return stats.find(name.cast<std::string>()).has_value();
             })
        .def(
            "get",
            [](const stream_stats& stats, const py::str& name,
               const py::object& otherwise) -> py::object {
                if (const auto index = stats.find(name.cast<std::string>()))
                    return py::int_(stats[*index]);
                return otherwise;
            },
            py::arg("name"), py::arg("default") = py::none(),
            R"(Return a value, or `default` if there is no statistic of the name.

Parameters
----------
name : str
default : object
)")
        .def("__len__", &stream_stats::size)
        .def("__iter__", [](const stream_stats& stats) { return py::iter(names_of(stats)); })
        .def(
            "keys", [](const stream_stats& stats) { return py::iter(names_of(stats)); },
            "Iterate over the names.")
        .def(
            "values", [](const stream_stats& stats) { return py::iter(values_of(stats)); },
            "Iterate over the values.")
        .def(
            "items", [](const stream_stats& stats) { return py::iter(items_of(stats)); },
            "Iterate over pairs of name and value.")
        .def_property_readonly(
            "config", [](const stream_stats& stats) { return stream_stat_list(stats.config()); },
            "List of StreamStatConfig.")
        .def(py::self + py::self)
        .def(py::self += py::self)
        .def("__repr__", &describe);
    const auto indices = m.def_submodule("stream_stat_indices", "Numbers of the statistics.");
    const stream_stat_list& built_in = recv::built_in_stats();
    for (std::size_t i = 0; i < built_in.size(); ++i) {
        const std::string& name = built_in[i].name;
        bound.def_property(
            name.c_str(), [i](const stream_stats& stats) { return stats[i]; },
            [i](stream_stats& stats, const py::object& value) {
                stats[i] = to_integer<std::uint64_t>(value, "value of a statistic");
            },
            ("Value of the statistic " + name + ".").c_str());
        indices.attr(py::str(name).attr("upper")()) = i;
    }
    set_module(bound, "spead2.recv");
}

}  // namespace

py::object from_stat_mode(recv::stat_mode mode) {
    return py::reinterpret_borrow<py::object>(stat_modes[static_cast<std::size_t>(mode)]);
}

recv::stat_mode to_stat_mode(const py::handle& object) {
    for (std::size_t i = 0; i < stat_modes.size(); ++i)
        if (object.ptr() == stat_modes[i]) return static_cast<recv::stat_mode>(i);
    set_error(PyExc_TypeError, "mode must be a StreamStatConfig.Mode, not %R", object.ptr());
    throw py::error_already_set();
}

void register_recv_stats(py::module_& m) {
    bind_stat_config(m);
    register_stats(m);
}

}  // namespace spead2::python
