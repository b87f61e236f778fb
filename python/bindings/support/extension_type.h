// SPDX-License-Identifier: Apache-2.0
// Extension types without pybind11: those of which one is made or looked into for every heap.
#pragma once

#include <pybind11/pybind11.h>
#include <structmember.h>

#include <cstring>
#include <initializer_list>
#include <span>
#include <vector>

#include "python.h"

namespace spead2::python {

template <typename Function>
[[nodiscard]] void* slot(Function* function) noexcept {
    return reinterpret_cast<void*>(function);
}

template <typename Function>
[[nodiscard]] PyCFunction method(Function* function) noexcept {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

/// Make a type and add it to the module, under the last part of its full name.
/// \param name  full public name, which must live for ever
template <typename Object>
PyTypeObject* add_type(py::module_& m, const char* name, unsigned long flags,
                       std::initializer_list<PyType_Slot> slots, PyObject* base = nullptr) {
    std::vector<PyType_Slot> all(slots);
    all.push_back({0, nullptr});
    PyType_Spec spec{name, static_cast<int>(sizeof(Object)), 0,
                     static_cast<unsigned>(Py_TPFLAGS_DEFAULT | flags), all.data()};
    PyObject* const bases = base == nullptr ? nullptr : PyTuple_Pack(1, base);
    PyObject* const type = PyType_FromSpecWithBases(&spec, bases);
    Py_XDECREF(bases);
    if (type == nullptr) throw py::error_already_set();
    const char* const dot = std::strrchr(name, '.');
    m.attr(dot + 1) = py::reinterpret_borrow<py::object>(type);
    return reinterpret_cast<PyTypeObject*>(type);  // never released
}

/// What a method returns: None, or null with the Python error set if \a function throws.
template <typename Function>
[[nodiscard]] PyObject* none_unless_thrown(Function&& function) noexcept {
    try {
        function();
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    Py_RETURN_NONE;
}

/// Give a class methods that bypass pybind11's dispatch, whoever made it. \a methods must live for ever.
void add_methods(const py::handle& type, std::span<PyMethodDef> methods);
/// The same for properties.
void add_properties(const py::handle& type, std::span<PyGetSetDef> properties);

/// Free an object of a type made with add_type(), after its members are destroyed.
inline void free_object(PyObject* self) noexcept {
    PyTypeObject* const type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

}  // namespace spead2::python
