// SPDX-License-Identifier: GPL-3.0-or-later
// Item, ScalarItem and the functions that make scalar items.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <gnuradio/spead2/item.h>

#include <cctype>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bindings.h"

namespace py = pybind11;

namespace gr::spead2 {
namespace {

// ---- C++ that makes the same scalar item: GNU Radio Companion writes it into C++ flowgraphs.

/// Without any quote but the two outside, which GNU Radio Companion might change.
std::string cpp_text(const std::string& text) {
    std::string code = "\"";
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == ' ' || c == '_') {
            code += c;
        } else {
            char escape[5];
            std::snprintf(escape, sizeof escape, "\\%03o", static_cast<unsigned char>(c));
            code += escape;
        }
    }
    return code + "\"";
}

std::string cpp_number(double v) {
    char code[32];
    std::snprintf(code, sizeof code, "%.17g", v);
    return "double(" + std::string(code) + ")";
}

std::string cpp_value(const scalar_value& v) {
    if (const auto* i = std::get_if<std::int64_t>(&v))
        return "std::int64_t(" + std::to_string(*i) + ")";
    if (const auto* u = std::get_if<std::uint64_t>(&v))
        return "std::uint64_t(" + std::to_string(*u) + "u)";
    if (const auto* d = std::get_if<double>(&v)) return cpp_number(*d);
    return "std::string(" + cpp_text(std::get<std::string>(v)) + ")";
}

std::string cpp_code(const scalar_item& s) {
    const std::string start =
        std::to_string(s.id) + "u, " + cpp_text(s.name) + ", " + cpp_text(s.description) + ", ";
    const std::string dtype = cpp_text(s.dtype);
    switch (s.from) {
        case scalar_item::source::counter:
            return "gr::spead2::counter_item(" + start + std::to_string(s.start) + "u, " +
                   std::to_string(s.step) + ", " + dtype + ")";
        case scalar_item::source::constant:
            return "gr::spead2::constant_item(" + start + cpp_value(*s.value) + ", " + dtype + ")";
        case scalar_item::source::tag:
            break;
    }
    return "gr::spead2::tag_item(" + start + cpp_text(s.key) + ", {" + dtype + ", " +
           (s.sticky ? "true" : "false") + ", " + std::to_string(s.port) + ", " +
           cpp_number(s.tick_rate) + ", " + cpp_number(s.tag_step) + ", " +
           (s.value ? cpp_value(*s.value) : "{}") + "})";
}

}  // namespace

void bind_items(py::module_& m) {
    py::class_<item>(m, "Item")
        .def(py::init([](std::uint64_t id, std::string name, std::string description,
                         std::string dtype, std::vector<std::int64_t> shape) {
                 item i{id, std::move(name), std::move(description), std::move(dtype),
                        std::move(shape)};
                 static_cast<void>(item_size(i));
                 return i;
             }),
             py::arg("id"), py::arg("name"), py::arg("description"), py::arg("dtype"),
             py::arg("shape") = std::vector<std::int64_t>())
        .def_readonly("id", &item::id)
        .def_readonly("name", &item::name)
        .def_readonly("description", &item::description)
        .def_readonly("dtype", &item::dtype)
        .def_readonly("shape", &item::shape)
        .def_property_readonly("size", &item_size)
        .def("__repr__", [](const py::object& self) {
            return py::str("item(id={:#x}, name={!r}, description={!r}, dtype={!r}, shape={!r})")
                .format(self.attr("id"), self.attr("name"), self.attr("description"),
                        self.attr("dtype"), py::tuple(self.attr("shape")));
        });

    py::class_<scalar_item>(m, "ScalarItem")
        .def_readonly("id", &scalar_item::id)
        .def_readonly("name", &scalar_item::name)
        .def_readonly("description", &scalar_item::description)
        .def_readonly("dtype", &scalar_item::dtype)
        .def("cpp_code", &cpp_code, "C++ that makes the same item.")
        .def("__repr__", [](const scalar_item& s) {
            const char* const from = s.from == scalar_item::source::tag       ? "tag"
                                     : s.from == scalar_item::source::counter ? "counter"
                                                                              : "constant";
            return py::str("{}_item(id={:#x}, name={!r}, description={!r}, dtype={!r})")
                .format(from, s.id, s.name, s.description, s.dtype);
        });

    m.def(
        "tag_item",
        [](std::uint64_t id, const std::string& name, const std::string& description,
           const std::string& key, std::string dtype, bool sticky, int port, double rate,
           double step, std::optional<scalar_value> initial) {
            return tag_item(id, name, description, key,
                            {std::move(dtype), sticky, port, rate, step, std::move(initial)});
        },
        py::arg("id"), py::arg("name"), py::arg("description"), py::arg("key"), py::arg("dtype"),
        py::arg("sticky"), py::arg("port"), py::arg("rate"), py::arg("step"), py::arg("initial"));
    m.def("counter_item", &counter_item, py::arg("id"), py::arg("name"), py::arg("description"),
          py::arg("start"), py::arg("step"), py::arg("dtype"));
    m.def("constant_item", &constant_item, py::arg("id"), py::arg("name"), py::arg("description"),
          py::arg("value"), py::arg("dtype"));
}

}  // namespace gr::spead2
