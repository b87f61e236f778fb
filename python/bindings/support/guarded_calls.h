// SPDX-License-Identifier: Apache-2.0
// Keeps exceptions out of the interpreter, which cannot let them through: where pybind11 describes
// a call that it refuses, it lets escape that a keyword's name is no UTF-8. The process would end.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>

namespace spead2::python {

template <auto Dispatcher>
struct guarded;

/// What pybind11 has every bound function begin with, whatever its arguments are in this version.
template <typename... Args, PyObject* (*Dispatcher)(Args...)>
struct guarded<Dispatcher> {
    static PyObject* call(Args... args) {
        try {
            return Dispatcher(args...);
        } catch (pybind11::error_already_set& e) {
            e.restore();
        } catch (const std::exception& e) {
            PyErr_SetString(PyExc_RuntimeError, e.what());
        }
        return nullptr;
    }
};

class call_guard : pybind11::cpp_function {
public:
    /// Guard every function that a module or class and the classes in it have. Call this when all
    /// are bound.
    static void guard_all(const pybind11::handle& scope) {
        // A copy: values() of what may be a mappingproxy, and attributes may run code.
        for (const pybind11::handle value : pybind11::list(scope.attr("__dict__").attr("values")()))
            guard(value);
    }

private:
    template <typename Function>
    [[nodiscard]] static PyCFunction erase(Function* function) noexcept {
        return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
    }

    static void guard(const pybind11::handle& value) {
        PyObject* const object = value.ptr();
        if (PyInstanceMethod_Check(object)) {
            guard(PyInstanceMethod_GET_FUNCTION(object));
        } else if (PyCFunction_Check(object)) {
            PyMethodDef* const definition = reinterpret_cast<PyCFunctionObject*>(object)->m_ml;
            if (definition->ml_meth == erase(&cpp_function::dispatcher))
                definition->ml_meth = erase(&guarded<&cpp_function::dispatcher>::call);
        } else if (PyObject_TypeCheck(object, &PyProperty_Type)) {
            guard(value.attr("fget"));
            guard(value.attr("fset"));
        } else if (PyObject_TypeCheck(object, &PyStaticMethod_Type)) {
            guard(value.attr("__func__"));
        } else if (Py_TYPE(object) == pybind11::detail::get_internals().default_metaclass) {
            guard_all(value);
        }
    }
};

}  // namespace spead2::python
