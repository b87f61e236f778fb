// SPDX-License-Identifier: Apache-2.0
// Stream, the base of all streams, and the blocking calls.
#include "stream.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "bindings.h"
#include "send_arguments.h"
#include "support/arguments.h"
#include "support/extension_type.h"
#include "support/objects.h"

namespace spead2::python {
namespace {

PyTypeObject* stream_type = nullptr;  // the base class

/// Queue a group, wait for it without the GIL, and return the bytes sent.
PyObject* send_and_wait(stream& s, std::unique_ptr<blocking_group> group) {
    static const interrupt_check check(signal_raised);
    PyThreadState* const state = PyEval_SaveThread();
    bool complete = false;
    try {
        complete = s.wait(group, check);
    } catch (...) {
        restore_gil(state);
        throw;
    }
    restore_gil(state);
    // A signal handler may have raised just when the group was complete: that goes first.
    if (!complete || PyErr_Occurred() != nullptr) return nullptr;
    if (group->error()) {
        set_os_error(group->error().value(), s.explain(*group));
        return nullptr;
    }
    return bytes_sent(*group).release().ptr();
}

/// Say that nothing was queued. Not within a catch block: logging runs Python code, and a thread that
/// is unwound there when the interpreter ends cannot be caught.
PyObject* refuse(stream& s, const std::system_error& refusal) {
    log_refusal(s, refusal);
    set_os_error(refusal.code().value(), refusal.what());
    return nullptr;
}

/// Have \a fill put heaps into a group, and send that.
template <typename Fill>
PyObject* send(PyObject* self, Fill&& fill) {
    stream* const s = to_stream(self);
    if (s == nullptr) return nullptr;
    std::optional<std::system_error> refusal;
    try {
        auto group = std::make_unique<blocking_group>();
        fill(*group, s->max_packet_size());
        return send_and_wait(*s, std::move(group));
    } catch (const std::system_error& e) {
        refusal = e;
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    return refuse(*s, *refusal);
}

PyObject* send_heap(PyObject* self, PyObject* const* args, Py_ssize_t n_args, PyObject* keywords) {
    sent_heap sent;
    if (!to_sent_heap("send_heap", args, n_args, keywords, sent)) return nullptr;
    return send(self, [&](heap_group& group, std::size_t max_packet_size) {
        group.add({sent.object->value.contents(), sent.cnt, sent.substream_index, sent.rate},
                  max_packet_size);
    });
}

PyObject* send_heaps(PyObject* self, PyObject* const* args, Py_ssize_t n_args, PyObject* keywords) {
    sent_heaps sent;
    if (!to_sent_heaps("send_heaps", args, n_args, keywords, sent)) return nullptr;
    return send(self, [&](heap_group& group, std::size_t max_packet_size) {
        heap_references heaps(sent.heaps);
        if (heaps.size() == 0) throw no_heaps();
        group.set_mode(sent.mode);
        group.set_turn_packets(sent.turn_packets);
        heaps.add_to(group, max_packet_size);
    });
}

}  // namespace

stream* to_stream(PyObject* object) noexcept {
    // What pybind11's own conversion does, and a look whether the constructor was run at all.
    if (PyObject_TypeCheck(object, stream_type) != 0) {
        const auto* const instance = reinterpret_cast<const py::detail::instance*>(object);
        if (instance->simple_layout && instance->simple_holder_constructed)
            return static_cast<stream*>(instance->simple_value_holder[0]);
    }
    set_error(PyExc_TypeError, "an initialised stream is needed, not an object of %R",
              Py_TYPE(object));
    return nullptr;
}

py::object bytes_sent(const heap_group& group) {
    // Mostly the same number as last time.
    static std::uint64_t last = 0;
    static PyObject* object = PyLong_FromLong(0);
    const std::uint64_t bytes = group.bytes_sent();
    if (bytes != last || object == nullptr) {
        PyObject* const made = steal(PyLong_FromUnsignedLongLong(bytes)).release().ptr();
        Py_XDECREF(std::exchange(object, made));
        last = bytes;
    }
    return py::reinterpret_borrow<py::object>(object);
}

void log_refusal(stream& s, const std::system_error& refusal) noexcept {
    const std::optional<std::uint64_t> untold = s.refusals().tell();
    if (!untold) return;
    try {
        std::string text = std::string("heap refused: ") + refusal.what();
        if (*untold != 0)
            text += " (and " + std::to_string(*untold) + " more since the last message)";
        log_warning(text);
    } catch (const std::exception&) {
        // No memory: the message is lost.
    }
}

void flush(stream& s) {
    bool reached = false;
    {
        const gil_release released;
        reached = s.flush(signal_raised);
    }
    if (!reached || PyErr_Occurred() != nullptr) throw py::error_already_set();
}

namespace {

void register_blocking_stream(py::module_& m) {
    static std::array<PyMethodDef, 2> methods{{
        {"send_heap", method(send_heap), METH_FASTCALL | METH_KEYWORDS,
         R"(send_heap($self, heap, cnt=-1, substream_index=0, rate=-1.0)
--

Send a heap and wait until it is sent.

Parameters
----------
heap : Heap
cnt : int
    Heap cnt; negative: the next of the stream's sequence.
substream_index : int
    Substream to send to.
rate : float
    Bytes per second; 0: no limit; negative: the stream's.

Returns
-------
int
    Bytes sent, those of all packets together.

Raises
------
BlockingIOError
    If the queue is full.
OSError
    If `substream_index` or `cnt` is out of range (EINVAL), or sending failed.
ValueError
    If the heap does not fit the packet size, or `rate` is not a number.
)"},
        {"send_heaps", method(send_heaps), METH_FASTCALL | METH_KEYWORDS,
         R"(send_heaps($self, heaps, mode, *, turn_packets=None)
--

Send a group of heaps and wait until all are sent. All are queued, or none.

Parameters
----------
heaps : HeapReferenceList or iterable of HeapReference
mode : GroupMode
    Order of the packets.
turn_packets : int, optional
    Packets that a heap sends in its turn, with GroupMode.ROUND_ROBIN; None: those of the stream's
    configuration.

Returns
-------
int
    Bytes sent, those of all packets together.

Raises
------
BlockingIOError
    If the queue has not room for all of them.
OSError
    If `heaps` is empty, or a substream index or cnt is out of range (EINVAL), or sending failed.
ValueError
    If a heap does not fit the packet size, a rate is not a number, or `turn_packets` is 0.
)"},
    }};
    auto bound = py::class_<blocking_stream, stream, std::shared_ptr<blocking_stream>>(
        m, "SyncStream", "Base of the streams whose calls wait until the heaps are sent.");
    add_methods(bound, methods);
    set_module(bound, "spead2.send");
}

}  // namespace

void register_stream(py::module_& m) {
    auto bound = py::class_<stream, std::shared_ptr<stream>>(
        m, "Stream", "Base of all streams. Any number of threads may use one.");
    bound
        .def(
            "set_cnt_sequence",
            [](stream& s, const py::object& next, const py::object& step) {
                s.set_cnt_sequence(to_integer<std::uint64_t>(next, "next"),
                                   to_integer<std::uint64_t>(step, "step"));
            },
            py::arg("next"), py::arg("step"),
            R"(Set the heap cnts that are given out automatically: next, next + step, ...

The low bits that the flavour has room for are sent. The initial state is 1, 1.

Parameters
----------
next : int
    From 0 to 2**64 - 1.
step : int
    From 1 to 2**64 - 1.

Raises
------
ValueError
    If `step` is 0.
)")
        .def_property_readonly("num_substreams", &stream::num_substreams, "Number of substreams.")
        .def("__repr__", [](const py::object& self) {
            const stream* const s = to_stream(self.ptr());
            if (s == nullptr) throw py::error_already_set();
            const py::handle type = py::type::handle_of(self);
            return "<" + type.attr("__module__").cast<std::string>() + "." +
                   type.attr("__qualname__").cast<std::string>() + " to " + s->describe() + ">";
        });
    set_module(bound, "spead2.send");
    stream_type = reinterpret_cast<PyTypeObject*>(bound.ptr());
    register_blocking_stream(m);
    register_asyncio_stream(m);
}

}  // namespace spead2::python
