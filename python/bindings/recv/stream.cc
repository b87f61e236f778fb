// SPDX-License-Identifier: Apache-2.0
// What all receiving streams have: readers, start, stop, statistics.
#include <spead2/recv/stream.h>

#include <cstdint>
#include <memory>
#include <string>

#include <spead2/base/errors.h>
#include <spead2/net/inproc_queue.h>
#include <spead2/recv/readers/buffer.h>
#include <spead2/recv/readers/inproc.h>

#include "bindings.h"
#include "bound_types.h"
#include "support/arguments.h"

namespace spead2::python {
namespace {

using recv::stream;

// ---- Memory

void add_buffer_reader(stream& s, const py::object& buffer) {
    auto view =
        py::reinterpret_steal<py::object>(run_python<PyMemoryView_FromObject>(buffer.ptr()));
    if (!view) throw py::error_already_set();
    const Py_buffer& memory = *PyMemoryView_GET_BUFFER(view.ptr());
    if (PyBuffer_IsContiguous(&memory, 'C') == 0) {
        set_error(PyExc_BufferError, "buffer must be C-contiguous, but %R is not", buffer.ptr());
        throw py::error_already_set();
    }
    const std::span<const std::uint8_t> packets(static_cast<const std::uint8_t*>(memory.buf),
                                                static_cast<std::size_t>(memory.len));
    // The export lasts as long as the reader, which may go without the GIL.
    std::shared_ptr<const void> owner(view.release().ptr(), [](const void* object) {
        release_reference(const_cast<void*>(object));  // NOLINT(*-const-cast) it was not const
    });
    const gil_release released;
    s.add_reader<recv::buffer_reader>(packets, std::move(owner));
}

void add_inproc(stream& s, const std::shared_ptr<inproc_queue>& queue) {
    const gil_release released;
    s.add_reader<recv::inproc_reader>(queue);
}

// ---- Classes

using stream_class = py::class_<stream, std::shared_ptr<stream>>;

void add_memory_readers(stream_class& bound) {
    bound.def("add_buffer_reader", &add_buffer_reader, py::arg("buffer"),
              R"(Receive packets that lie in memory, back to back.

The reader ends with the memory, or at the first packet that cannot be read.

Parameters
----------
buffer : bytes-like
    C-contiguous. Is kept, and must not be changed, until the stream is destroyed.

Raises
------
RuntimeError
    After :meth:`start` with `explicit_start`.
)");
    bound.def("add_inproc_reader", &add_inproc, py::arg("queue").none(false),
              R"(Receive packets from a queue within the process.

The reader ends when the queue is stopped and empty.

Parameters
----------
queue : InprocQueue

Raises
------
RuntimeError
    After :meth:`start` with `explicit_start`.
)");
}

}  // namespace

void register_recv_stream(py::module_& m) {
    stream_class bound(m, "_Stream", "What all streams have. Any number of threads may use one.");
    add_memory_readers(bound);
    add_socket_readers(m, bound);
    add_file_readers(bound);
    bound
        .def(
            "start",
            [](stream& s) {
                try {
                    const gil_release released;
                    s.start();
                } catch (const socket_setup_error&) {
                    throw;
                } catch (const std::system_error& e) {
                    throw socket_setup_error(e.code(), e.what());
                }
            },
            R"(With `explicit_start`: let packets flow. Harmless otherwise, and when repeated.

Raises
------
OSError
    If the operating system refuses (RuntimeError, too). May be called again then.
)")
        .def(
            "stop",
            [](stream& s) {
                const gil_release released;
                s.stop();
            },
            R"(End the stream: close its readers, deliver nothing more. Harmless when repeated.

What was received can still be taken.
)")
        .def_property_readonly("stats", &stream::stats,
                               "StreamStats at the end of the last batch; new at each access.")
        .def_property_readonly(
            "config", [](const stream& s) { return recv::stream_config(s.config()); },
            "Copy of the configuration.")
        .def_property_readonly(
            "stop_reason",
            [](const stream& s) {
                const gil_release released;  // a worker may have the lock
                return s.stop_reason();
            },
            "Error of a reader that made the stream end; empty otherwise.");
    set_module(bound, "spead2.recv");
}

}  // namespace spead2::python
