// SPDX-License-Identifier: Apache-2.0
#include "item_description.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "support/objects.h"

namespace spead2::python {

PyObject* set_encoding(PyObject* self, PyObject* args) {
    int how = 0;
    PyObject* dtype = nullptr;
    PyObject* bits = nullptr;
    PyObject* shape = nullptr;
    int fortran_order = 0;
    const char* number = nullptr;
    int big_endian = 0;
    PyObject* plan = nullptr;
    if (PyArg_ParseTuple(args, "iOOO!pspO", &how, &dtype, &bits, &PyTuple_Type, &shape,
                         &fortran_order, &number, &big_endian, &plan) == 0)
        return nullptr;
    const std::size_t n_bits = PyLong_AsSize_t(bits);
    if (n_bits == static_cast<std::size_t>(-1) && PyErr_Occurred() != nullptr) return nullptr;
    try {
        std::vector<Py_ssize_t> dimensions;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(shape); ++i) {
            PyObject* const size = PyTuple_GET_ITEM(shape, i);
            dimensions.push_back(size == Py_None ? -1 : PyLong_AsSsize_t(size));
            if (PyErr_Occurred() != nullptr) return nullptr;
        }
        descriptor_object* const d = as_descriptor(self);
        const bool variable = std::count(dimensions.begin(), dimensions.end(), -1) != 0;
        d->how = static_cast<encoding>(how);
        d->number = number[0];
        d->big_endian = big_endian != 0;
        d->fortran_order = fortran_order != 0;
        d->allow_immediate = n_bits % 8 == 0 && !variable;
        d->element_size = n_bits / 8;
        d->dimensions = std::move(dimensions);
        d->decoder.reset();
        Py_INCREF(dtype);
        Py_INCREF(bits);
        Py_INCREF(plan);
        PyObject* const old_dtype = std::exchange(d->array_dtype, dtype);
        PyObject* const old_bits = std::exchange(d->itemsize_bits, bits);
        PyObject* const old_plan = std::exchange(d->plan, plan);
        d->prepared = true;
        Py_XDECREF(old_dtype);
        Py_XDECREF(old_bits);
        Py_XDECREF(old_plan);
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    Py_RETURN_NONE;
}

void prepare(descriptor_object* d) {
    if (d->prepared) return;
    static PyObject* const name = intern("_prepare");
    auto* const self = reinterpret_cast<PyObject*>(d);
    steal(run_python<PyObject_CallMethodNoArgs>(self, name));
    if (!d->prepared) {
        set_error(PyExc_ValueError, "the descriptor %R is not initialised", Py_TYPE(self));
        throw py::error_already_set();
    }
}

bool is_prepared(PyObject* self) noexcept {
    try {
        prepare(as_descriptor(self));
    } catch (...) {
        set_python_error();
        return false;
    }
    return true;
}

PyObject* describe_as(PyObject* self, PyObject* const* args, Py_ssize_t n_args) {
    if (n_args != 4 || to_descriptor(args[0]) == nullptr) {
        PyErr_SetString(PyExc_TypeError,
                        "_describe_as() takes a descriptor, an ID, a name and a description");
        return nullptr;
    }
    try {
        descriptor_object& d = *as_descriptor(self);
        descriptor_object& other = *as_descriptor(args[0]);
        prepare(&other);
        // A list can be changed; its elements are tuples. Copying it may collect garbage, which may
        // run any code, so it comes first. Nobody has that of the other one, which is a template.
        const auto format = py::reinterpret_borrow<py::object>(other.format);
        const bool share = format && PyList_CheckExact(format.ptr());
        if (share && other.shared_format == nullptr) {
            const py::object copy =
                steal(PyList_GetSlice(format.ptr(), 0, PyList_GET_SIZE(format.ptr())));
            py::object fields = steal(PyList_AsTuple(copy.ptr()));
            if (other.shared_format == nullptr) other.shared_format = fields.release().ptr();
        }
        std::vector<Py_ssize_t> dimensions(other.dimensions);
        const std::array<std::pair<object_member, PyObject*>, 11> taken{{
            {&descriptor_object::id, args[1]},
            {&descriptor_object::name, args[2]},
            {&descriptor_object::description, args[3]},
            {&descriptor_object::shape, other.shape},
            {&descriptor_object::dtype, other.dtype},
            {&descriptor_object::order, other.order},
            {&descriptor_object::format, share ? nullptr : format.ptr()},
            {&descriptor_object::shared_format, share ? other.shared_format : nullptr},
            {&descriptor_object::array_dtype, other.array_dtype},
            {&descriptor_object::itemsize_bits, other.itemsize_bits},
            {&descriptor_object::plan, other.plan},
        }};
        for (const auto& [member, value] : taken) {
            Py_XINCREF(value);
            Py_XDECREF(std::exchange(d.*member, value));
        }
        d.how = other.how;
        d.number = other.number;
        d.big_endian = other.big_endian;
        d.fortran_order = other.fortran_order;
        d.allow_immediate = other.allow_immediate;
        d.element_size = other.element_size;
        d.dimensions = std::move(dimensions);
        d.decoder.reset();
        d.encoded.reset();
        d.prepared = true;
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    Py_RETURN_NONE;
}

PyObject* allow_immediate(PyObject* self, PyObject*) {
    if (!is_prepared(self)) return nullptr;
    return PyBool_FromLong(as_descriptor(self)->allow_immediate ? 1 : 0);
}

PyObject* is_variable_size(PyObject* self, PyObject*) {
    if (!is_prepared(self)) return nullptr;
    const std::vector<Py_ssize_t>& dimensions = as_descriptor(self)->dimensions;
    return PyBool_FromLong(std::count(dimensions.begin(), dimensions.end(), -1));
}

}  // namespace spead2::python
