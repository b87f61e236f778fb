// SPDX-License-Identifier: Apache-2.0
// Stream, whose heaps are taken from a ring. Taking one bypasses pybind11's dispatch.
#include <array>
#include <memory>
#include <string>
#include <utility>

#include <spead2/base/errors.h>
#include <spead2/recv/stream.h>

#include "bindings.h"
#include "bound_types.h"
#include "heap.h"
#include "support/extension_type.h"

namespace spead2::python {
namespace {

using recv::ring_stream;

PyTypeObject* stream_type = nullptr;
PyObject* stream_empty_type = nullptr;

/// The stream in a Python object. \return null (with TypeError set) if it is none
ring_stream* to_ring_stream(PyObject* object) noexcept {
    // What pybind11's own conversion does, and a look whether the constructor was run at all.
    if (PyObject_TypeCheck(object, stream_type) != 0) {
        const auto* const instance = reinterpret_cast<const py::detail::instance*>(object);
        if (instance->simple_layout && instance->simple_holder_constructed)
            return static_cast<ring_stream*>(instance->simple_value_holder[0]);
    }
    set_error(PyExc_TypeError, "an initialised stream is needed, not an object of %R",
              Py_TYPE(object));
    return nullptr;
}

/// Wait without the GIL. \return null if a signal handler raised
recv::heap_ptr wait_for_heap(ring_stream& s) {
    PyThreadState* const state = PyEval_SaveThread();
    recv::heap_ptr heap;
    try {
        heap = s.pop(signal_raised);
    } catch (...) {
        restore_gil(state);
        throw;
    }
    restore_gil(state);
    return heap;
}

/// \throw stopped_error \return null with the Python error set
PyObject* take(ring_stream& s) {
    recv::heap_ptr heap = s.try_pop();
    if (!heap) heap = wait_for_heap(s);
    return heap ? new_received_heap(std::move(heap)) : nullptr;
}

PyObject* stream_get(PyObject* self, PyObject*) {
    ring_stream* const s = to_ring_stream(self);
    if (s == nullptr) return nullptr;
    try {
        return take(*s);
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

PyObject* stream_get_nowait(PyObject* self, PyObject*) {
    ring_stream* const s = to_ring_stream(self);
    if (s == nullptr) return nullptr;
    try {
        recv::heap_ptr heap = s->try_pop();
        if (heap) return new_received_heap(std::move(heap));
        PyErr_SetString(stream_empty_type, "ring buffer is empty");
    } catch (...) {
        set_python_error();
    }
    return nullptr;
}

/// The next heap, for iteration. \return null without an error at the end
PyObject* next_heap(PyObject* self) {
    ring_stream* const s = to_ring_stream(self);
    if (s == nullptr) return nullptr;
    try {
        return take(*s);
    } catch (const stopped_error&) {
        return nullptr;
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

PyObject* stream_next(PyObject* self, PyObject*) {
    PyObject* const heap = next_heap(self);
    if (heap == nullptr && PyErr_Occurred() == nullptr) PyErr_SetNone(PyExc_StopIteration);
    return heap;
}

PyObject* stream_iter(PyObject* self, PyObject*) {
    Py_INCREF(self);
    return self;
}

void add_methods(const py::handle& bound) {
    static std::array<PyMethodDef, 4> methods{{
        {"get", stream_get, METH_NOARGS,
         R"(get($self, /)
--

Take the next heap; wait for one.

Returns
-------
Heap or IncompleteHeap

Raises
------
Stopped
    If the stream has stopped and all heaps are taken.
)"},
        {"get_nowait", stream_get_nowait, METH_NOARGS,
         R"(get_nowait($self, /)
--

Take the next heap, without waiting.

Returns
-------
Heap or IncompleteHeap

Raises
------
Empty
    If there is none.
Stopped
    If the stream has stopped and all heaps are taken.
)"},
        {"__iter__", stream_iter, METH_NOARGS, nullptr},
        {"__next__", stream_next, METH_NOARGS, nullptr},
    }};
    for (PyMethodDef& definition : methods) {
        const auto descriptor = py::reinterpret_steal<py::object>(
            PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(bound.ptr()), &definition));
        if (!descriptor) throw py::error_already_set();
        bound.attr(definition.ml_name) = descriptor;
    }
}

/// The ring of a stream, which it keeps.
struct ring_view {
    std::shared_ptr<ring_stream> stream;
};

}  // namespace

void register_recv_ring_stream(py::module_& m, const py::object& empty) {
    stream_empty_type = py::object(empty).release().ptr();
    auto bound = py::class_<ring_stream, recv::stream, std::shared_ptr<ring_stream>>(
        m, "Stream",
        R"(Receives heaps and keeps them until they are taken.

Iterating takes heaps as they come, until the stream has stopped and all are taken. Any number of
threads may take heaps at once; each heap goes to one of them.

Parameters
----------
thread_pool : ThreadPool
    Its threads receive. It is kept.
config : StreamConfig
    Is copied.
ring_config : RingStreamConfig
    Is copied.
)");
    bound
        .def(
            py::init([](const std::shared_ptr<thread_pool>& pool, const recv::stream_config& config,
                        const recv::ring_stream_config& ring_config) {
                return make_shared_without_gil<ring_stream>(pool, config, ring_config);
            }),
            py::arg("thread_pool").none(false), py::arg("config") = recv::stream_config(),
            py::arg("ring_config") = recv::ring_stream_config())
        .def_property_readonly("fd", &ring_stream::fd,
                               "File descriptor that polls readable while there is a heap to take, "
                               "and once the stream has stopped. Do not read from it.")
        .def_property_readonly(
            "ringbuffer", [](const std::shared_ptr<ring_stream>& s) { return ring_view{s}; },
            "The ring: size() and capacity() in heaps.")
        .def_property_readonly(
            "ring_config",
            [](const ring_stream& s) { return recv::ring_stream_config(s.ring_config()); },
            "Copy of the configuration of the ring.")
        .def("__repr__", [](const py::object& self) {
            const auto& s = self.cast<const ring_stream&>();
            const py::handle type = py::type::handle_of(self);
            return "<" + type.attr("__module__").cast<std::string>() + "." +
                   type.attr("__qualname__").cast<std::string>() + " with " +
                   std::to_string(s.ring_size()) + " of " + std::to_string(s.ring_capacity()) +
                   " heaps" + (s.stopped() ? ", stopped>" : ">");
        });
    add_methods(bound);
    py::class_<ring_view>(bound, "Ringbuffer", "The ring of a stream.")
        .def(
            "size", [](const ring_view& ring) { return ring.stream->ring_size(); },
            "Heaps that wait to be taken.")
        .def(
            "capacity", [](const ring_view& ring) { return ring.stream->ring_capacity(); },
            "Most heaps that wait to be taken.");
    set_module(bound, "spead2.recv");
    stream_type = reinterpret_cast<PyTypeObject*>(bound.ptr());
    // Without a look-up of __next__ for each heap.
    stream_type->tp_iternext = next_heap;
}

}  // namespace spead2::python
