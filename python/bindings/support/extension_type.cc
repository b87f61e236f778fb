// SPDX-License-Identifier: Apache-2.0
#include "extension_type.h"

namespace spead2::python {
namespace {

void add_descriptor(const py::handle& type, const char* name, PyObject* made) {
    if (made == nullptr) throw py::error_already_set();
    type.attr(name) = py::reinterpret_steal<py::object>(made);
}

}  // namespace

void add_methods(const py::handle& type, std::span<PyMethodDef> methods) {
    auto* const to = reinterpret_cast<PyTypeObject*>(type.ptr());
    for (PyMethodDef& m : methods) add_descriptor(type, m.ml_name, PyDescr_NewMethod(to, &m));
}

void add_properties(const py::handle& type, std::span<PyGetSetDef> properties) {
    auto* const to = reinterpret_cast<PyTypeObject*>(type.ptr());
    for (PyGetSetDef& p : properties) add_descriptor(type, p.name, PyDescr_NewGetSet(to, &p));
}

}  // namespace spead2::python
