// SPDX-License-Identifier: Apache-2.0
// Arguments of functions that are called for every heap and therefore bypass pybind11's dispatch:
// names to positions, Python objects to numbers, with errors that name the argument.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "python.h"

namespace spead2::python {

/// Sort the arguments of a METH_FASTCALL | METH_KEYWORDS function of \a N parameters, of which the
/// first \a required must be given and only the first \a positional may be given by position.
/// values[i] is a borrowed reference or null. \return false with TypeError set
template <std::size_t N>
[[nodiscard]] bool sort_arguments(const char* function, const std::array<const char*, N>& names,
                                  std::size_t required, std::size_t positional,
                                  PyObject* const* args, Py_ssize_t n_args, PyObject* keywords,
                                  std::array<PyObject*, N>& values) {
    values.fill(nullptr);
    if (static_cast<std::size_t>(n_args) > positional) {
        set_error(PyExc_TypeError,
                  "%s() takes at most %zu positional arguments, but %zd were given", function,
                  positional, n_args);
        return false;
    }
    for (Py_ssize_t i = 0; i < n_args; ++i) values[static_cast<std::size_t>(i)] = args[i];
    const Py_ssize_t n_keywords = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
    for (Py_ssize_t i = 0; i < n_keywords; ++i) {
        PyObject* const name = PyTuple_GET_ITEM(keywords, i);
        std::size_t k = 0;
        while (k < N && PyUnicode_CompareWithASCIIString(name, names[k]) != 0) ++k;
        if (k == N) {
            set_error(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", function,
                      name);
            return false;
        }
        if (values[k] != nullptr) {
            set_error(PyExc_TypeError, "%s() got multiple values for argument '%s'", function,
                      names[k]);
            return false;
        }
        values[k] = args[n_args + i];
    }
    for (std::size_t k = 0; k < required; ++k) {
        if (values[k] == nullptr) {
            set_error(PyExc_TypeError, "%s() is missing the argument '%s'", function, names[k]);
            return false;
        }
    }
    return true;
}

/// The same for tp_init and tp_new.
template <std::size_t N>
[[nodiscard]] bool sort_arguments(const char* function, const std::array<const char*, N>& names,
                                  std::size_t required, std::size_t positional, PyObject* args,
                                  PyObject* keywords, std::array<PyObject*, N>& values) {
    if (!sort_arguments(function, names, keywords == nullptr ? required : 0, positional,
                        &PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args), nullptr, values))
        return false;
    if (keywords == nullptr) return true;
    PyObject* name = nullptr;
    PyObject* value = nullptr;
    Py_ssize_t at = 0;
    while (PyDict_Next(keywords, &at, &name, &value) != 0) {
        std::size_t k = 0;
        while (k < N && PyUnicode_CompareWithASCIIString(name, names[k]) != 0) ++k;
        if (k == N || values[k] != nullptr) {
            set_error(PyExc_TypeError,
                      k == N ? "%s() got an unexpected keyword argument '%U'"
                             : "%s() got multiple values for argument '%U'",
                      function, name);
            return false;
        }
        values[k] = value;
    }
    for (std::size_t k = 0; k < required; ++k) {
        if (values[k] == nullptr) {
            set_error(PyExc_TypeError, "%s() is missing the argument '%s'", function, names[k]);
            return false;
        }
    }
    return true;
}

/// An integer (not a float) of the type's range. \return false with TypeError set
template <typename T>
[[nodiscard]] bool to_integer(PyObject* object, const char* name, T& value) noexcept {
    static_assert(sizeof(T) == 8);
    PyObject* const index = run_python<PyNumber_Index>(object);
    if (index != nullptr) {
        if constexpr (std::numeric_limits<T>::is_signed)
            value = static_cast<T>(PyLong_AsLongLong(index));
        else
            value = static_cast<T>(PyLong_AsUnsignedLongLong(index));
        Py_DECREF(index);
        if (value != static_cast<T>(-1) || PyErr_Occurred() == nullptr) return true;
    }
    if (PyErr_ExceptionMatches(PyExc_TypeError) == 0 &&
        PyErr_ExceptionMatches(PyExc_OverflowError) == 0)
        return false;
    PyErr_Clear();
    set_error(
        PyExc_TypeError, "%s must be an integer %s, not %R", name,
        std::numeric_limits<T>::is_signed ? "from -2**63 to 2**63 - 1" : "from 0 to 2**64 - 1",
        object);
    return false;
}

/// The same for arguments of functions that are bound with pybind11: it would cut numpy's reals,
/// or refuse numpy's integers where they are to become unsigned ones. \throw TypeError
template <typename T>
[[nodiscard]] T to_integer(const py::handle& object, const char* name) {
    T value = 0;
    if (!to_integer(object.ptr(), name, value)) throw py::error_already_set();
    return value;
}

/// A rate of one heap: negative is the stream's, 0 or infinite no limit. \return false with an
/// error set
[[nodiscard]] inline bool to_rate(PyObject* object, double& value) noexcept {
    const double rate = run_python<PyFloat_AsDouble>(object);
    if (rate == -1.0 && PyErr_Occurred() != nullptr) {
        if (PyErr_ExceptionMatches(PyExc_TypeError) == 0 &&
            PyErr_ExceptionMatches(PyExc_OverflowError) == 0)
            return false;
        PyErr_Clear();
        set_error(PyExc_TypeError, "rate must be a number of bytes per second, not %R", object);
        return false;
    }
    value = rate < 0.0 ? -1.0 : std::isinf(rate) ? 0.0 : rate;
    return true;
}

}  // namespace spead2::python
