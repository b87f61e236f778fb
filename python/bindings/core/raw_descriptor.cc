// SPDX-License-Identifier: Apache-2.0
// RawDescriptor: a description as it is in a heap, before Python makes sense of its texts.
#include <pybind11/stl.h>

#include <spead2/wire/descriptor.h>

#include "bindings.h"
#include "support/arguments.h"

namespace spead2::python {
namespace {

py::list get_shape(const descriptor& d) {
    py::list shape;
    // A copy, here and below: a list that grows may collect garbage, which may run any code.
    for (const std::int64_t size : std::vector(d.shape)) {
        if (size < 0)
            shape.append(py::none());
        else
            shape.append(size);
    }
    return shape;
}

void set_shape(descriptor& d, const py::sequence& shape) {
    std::vector<std::int64_t> dimensions;
    // A tuple, here and below: other sequences may make their elements as they are asked for.
    for (const py::handle size : py::tuple(shape)) {
        const std::int64_t n =
            size.is_none()
                ? variable_dimension
                : to_integer<std::int64_t>(py::reinterpret_borrow<py::object>(size), "dimension");
        dimensions.push_back(n < 0 ? variable_dimension : n);
    }
    d.shape = std::move(dimensions);
}

/// A code, which a network may set to any byte, is the character of that number.
py::list get_format(const descriptor& d) {
    py::list format;
    for (const format_field& field : std::vector(d.format)) {
        const Py_UCS1 code = static_cast<Py_UCS1>(field.code);
        format.append(py::make_tuple(py::reinterpret_steal<py::str>(
                                         PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, &code, 1)),
                                     field.bits));
    }
    return format;
}

void set_format(descriptor& d, const py::sequence& format) {
    std::vector<format_field> fields;
    for (const py::handle field : py::tuple(format)) {
        const auto pair =
            py::reinterpret_steal<py::object>(run_python<PySequence_Tuple>(field.ptr()));
        if (!pair) throw py::error_already_set();
        PyObject* code = nullptr;
        PyObject* bits = nullptr;
        if (PyArg_ParseTuple(pair.ptr(), "UO", &code, &bits) == 0) throw py::error_already_set();
        if (PyUnicode_GetLength(code) != 1 || PyUnicode_ReadChar(code, 0) > 255) {
            set_error(PyExc_ValueError, "the code of a format field must be one character, not %R",
                      code);
            throw py::error_already_set();
        }
        fields.push_back(
            {static_cast<char>(PyUnicode_ReadChar(code, 0)),
             to_integer<std::uint64_t>(py::reinterpret_borrow<py::object>(bits), "bits")});
    }
    d.format = std::move(fields);
}

template <std::string descriptor::*Member>
void add_text(py::class_<descriptor>& bound, const char* name, const char* doc) {
    bound.def_property(
        name, [](const descriptor& d) { return py::bytes(d.*Member); },
        [](descriptor& d, const py::bytes& text) { d.*Member = text; }, doc);
}

}  // namespace

void register_raw_descriptor(py::module_& m) {
    auto bound = py::class_<descriptor>(
        m, "RawDescriptor",
        "A description as it is in a heap. spead2.Descriptor.from_raw() makes sense of it.");
    bound.def(py::init<>())
        .def_property(
            "id", [](const descriptor& d) { return static_cast<std::int64_t>(d.id); },
            [](descriptor& d, const py::object& id) {
                d.id = static_cast<std::uint64_t>(to_integer<std::int64_t>(id, "id"));
            },
            "Item ID.")
        .def_property("shape", &get_shape, &set_shape, "Dimensions; None for an unknown one.")
        .def_property("format", &get_format, &set_format,
                      "Pairs of code and bits; none if there is a numpy header.")
        .def("__repr__", [](const py::object& self) {
            return py::str("<RawDescriptor {:#x} {!r}, shape {}, {}>")
                .format(self.attr("id"), self.attr("name"), self.attr("shape"),
                        py::len(self.attr("numpy_header")) != 0 ? self.attr("numpy_header")
                                                                : self.attr("format"));
        });
    add_text<&descriptor::name>(bound, "name", "Short name.");
    add_text<&descriptor::description>(bound, "description", "Longer text.");
    add_text<&descriptor::numpy_header>(bound, "numpy_header",
                                        "Header of a .npy file without padding; empty: none.");
}

}  // namespace spead2::python
