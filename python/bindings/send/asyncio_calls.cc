// SPDX-License-Identifier: Apache-2.0
#include "asyncio_calls.h"

#include <array>
#include <utility>

#include "support/objects.h"

namespace spead2::python {
namespace {

struct {
    PyObject* running_loop_key;
    PyObject* get_running_loop;
    PyObject* get_event_loop;
    PyObject* future_class;
    PyObject* invalid_state_error;
    PyObject* plain_create_future;  // BaseEventLoop.create_future
    PyObject* create_future;
    PyObject* call_soon;
    PyObject* add_reader;
    PyObject* remove_reader;
    PyObject* set_result;
    PyObject* set_exception;
    PyObject* future_set_result;  // method of future_class
    PyObject* loop_keyword;
    PyObject* no_arguments;
} asyncio_names;

void settle(PyObject* future, PyObject* method, PyObject* value) {
    PyObject* result = nullptr;
    if (method == asyncio_names.set_result &&
        Py_TYPE(future) == reinterpret_cast<PyTypeObject*>(asyncio_names.future_class)) {
        const std::array<PyObject*, 2> args{future, value};
        result = run_python<PyObject_Vectorcall>(asyncio_names.future_set_result, args.data(), 2,
                                                 nullptr);
    } else {
        result = run_python<PyObject_CallMethodOneArg>(future, method, value);
    }
    if (result == nullptr) {
        if (PyErr_ExceptionMatches(asyncio_names.invalid_state_error) == 0 &&
            PyErr_ExceptionMatches(PyExc_RuntimeError) == 0)
            throw py::error_already_set();
        PyErr_Clear();
    }
    Py_XDECREF(result);
}

/// {"loop": loop}; mostly the same as last time.
py::object loop_keywords(PyObject* loop) {
    static PyObject* last = nullptr;       // owned
    static PyObject* last_loop = nullptr;  // which that has
    if (loop == last_loop) return py::reinterpret_borrow<py::object>(last);
    const py::object made = steal(PyDict_New());
    if (PyDict_SetItem(made.ptr(), asyncio_names.loop_keyword, loop) != 0)
        throw py::error_already_set();
    last_loop = loop;
    PyObject* const old = std::exchange(last, made.inc_ref().ptr());
    // Other threads may come here while this runs Python code.
    run_python<Py_DecRef>(old);
    return made;
}

PyObject* attribute(const char* module, const char* name) {
    return py::object(py::module_::import(module).attr(name)).release().ptr();
}

}  // namespace

// Up to Python 3.13, asyncio makes a system call each time it is asked. But it also notes each
// change of the running loop by a new object in the thread's dictionary: as long as that is the
// same, the answer is too.
py::object running_loop() {
    static PyObject* last_note = nullptr;  // owned, so no other object can be at its address
    static PyObject* last_loop = nullptr;  // owned
    PyObject* const dict = PyThreadState_GetDict();
    PyObject* const found =
        dict == nullptr ? nullptr : PyDict_GetItemWithError(dict, asyncio_names.running_loop_key);
    if (found != nullptr && found == last_note)
        return py::reinterpret_borrow<py::object>(last_loop);
    if (found == nullptr && PyErr_Occurred() != nullptr) throw py::error_already_set();
    auto note = py::reinterpret_borrow<py::object>(found);
    py::object loop = steal(run_python<PyObject_CallNoArgs>(asyncio_names.get_running_loop));
    if (note) {
        PyObject* const old_note = std::exchange(last_note, note.release().ptr());
        PyObject* const old_loop = std::exchange(last_loop, loop.inc_ref().ptr());
        // Other threads may come here while this runs Python code.
        run_python<Py_DecRef>(old_note);
        run_python<Py_DecRef>(old_loop);
    }
    return loop;
}

py::object current_loop() {
    py::object loop = running_loop();
    if (loop.is_none()) loop = steal(run_python<PyObject_CallNoArgs>(asyncio_names.get_event_loop));
    return loop;
}

py::object make_future(PyObject* loop) {
    if (_PyType_Lookup(Py_TYPE(loop), asyncio_names.create_future) ==
        asyncio_names.plain_create_future) {
        const py::object keywords = loop_keywords(loop);
        return steal(run_python<PyObject_Call>(asyncio_names.future_class,
                                               asyncio_names.no_arguments, keywords.ptr()));
    }
    return steal(run_python<PyObject_CallMethodNoArgs>(loop, asyncio_names.create_future));
}

void add_reader(const py::object& loop, const py::object& fd, const py::object& callback) {
    steal(run_python<PyObject_CallMethodObjArgs>(loop.ptr(), asyncio_names.add_reader, fd.ptr(),
                                                 callback.ptr(), nullptr));
}

void remove_reader(const py::object& loop, const py::object& fd) {
    steal(run_python<PyObject_CallMethodOneArg>(loop.ptr(), asyncio_names.remove_reader, fd.ptr()));
}

void call_soon(const py::object& loop, const py::object& callback) {
    steal(
        run_python<PyObject_CallMethodOneArg>(loop.ptr(), asyncio_names.call_soon, callback.ptr()));
}

void set_future_result(PyObject* future, PyObject* value) {
    settle(future, asyncio_names.set_result, value);
}

void set_future_exception(PyObject* future, PyObject* exception) {
    settle(future, asyncio_names.set_exception, exception);
}

void find_asyncio() {
    asyncio_names.running_loop_key = intern("__asyncio_running_event_loop__");
    asyncio_names.get_running_loop = attribute("asyncio", "_get_running_loop");
    asyncio_names.get_event_loop = attribute("asyncio", "get_event_loop");
    asyncio_names.future_class = attribute("asyncio", "Future");
    asyncio_names.invalid_state_error = attribute("asyncio", "InvalidStateError");
    asyncio_names.future_set_result =
        py::object(py::handle(asyncio_names.future_class).attr("set_result")).release().ptr();
    asyncio_names.plain_create_future =
        py::object(py::module_::import("asyncio").attr("BaseEventLoop").attr("create_future"))
            .release()
            .ptr();
    asyncio_names.create_future = intern("create_future");
    asyncio_names.call_soon = intern("call_soon");
    asyncio_names.add_reader = intern("add_reader");
    asyncio_names.remove_reader = intern("remove_reader");
    asyncio_names.set_result = intern("set_result");
    asyncio_names.set_exception = intern("set_exception");
    asyncio_names.loop_keyword = intern("loop");
    asyncio_names.no_arguments = py::tuple().release().ptr();
}

}  // namespace spead2::python
