// SPDX-License-Identifier: Apache-2.0
#include "objects.h"

namespace spead2::python {

std::string to_utf8(PyObject* text) {
    Py_ssize_t size = 0;
    const char* const utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    if (utf8 == nullptr) throw py::error_already_set();  // half a surrogate pair
    return {utf8, static_cast<std::size_t>(size)};
}

std::string repr(PyObject* object) {
    return steal(run_python<PyObject_Repr>(object)).cast<std::string>();
}

std::string to_str(PyObject* object, const char* name) {
    if (!PyUnicode_Check(object))
        throw py::type_error(std::string(name) + " must be a str, not " + repr(object));
    return to_utf8(object);
}

double to_double(PyObject* object, const char* name) {
    const double value = run_python<PyFloat_AsDouble>(object);
    if (value != -1.0 || PyErr_Occurred() == nullptr) return value;
    if (PyErr_ExceptionMatches(PyExc_TypeError) == 0 &&
        PyErr_ExceptionMatches(PyExc_OverflowError) == 0)
        throw py::error_already_set();
    PyErr_Clear();
    throw py::type_error(std::string(name) + " must be a float, not " + repr(object));
}

std::optional<std::int64_t> to_int64(PyObject* object, const char* name) {
    const auto index = py::reinterpret_steal<py::object>(run_python<PyNumber_Index>(object));
    if (!index) {
        if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw py::error_already_set();
        PyErr_Clear();
        throw py::type_error(std::string(name) + " must be an int, not " + repr(object));
    }
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
    if (overflow != 0) return std::nullopt;
    if (value == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return value;
}

std::int64_t to_int(PyObject* object, const char* name, std::int64_t low, std::int64_t high) {
    const std::optional<std::int64_t> value = to_int64(object, name);
    if (!value || *value < low || *value > high)
        throw_range_error(std::string(name) + " is " + repr(object) + ", but must be from " +
                          std::to_string(low) + " to " + std::to_string(high));
    return *value;
}

}  // namespace spead2::python
