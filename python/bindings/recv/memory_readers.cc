// SPDX-License-Identifier: Apache-2.0
// add_buffer_reader() and add_inproc_reader(), which are given objects.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <spead2/net/inproc_queue.h>

#include "reader_method.h"

namespace spead2::python {
namespace {

using recv::stream;

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

}  // namespace

template <>
void bind_reader<recv::buffer_reader>(const py::module_&, bound_stream& bound) {
    constexpr const recv::reader_info& info = recv::buffer_reader::info;
    const std::string doc = std::string(info.text) + R"(

The reader ends with the memory, or at the first packet that cannot be read.

Parameters
----------
buffer : bytes-like
    C-contiguous. Is kept, and must not be changed, until the stream is destroyed.

Raises
------
RuntimeError
    After :meth:`start` with `explicit_start`.
)";
    bound.def(info.method, &add_buffer_reader, py::arg("buffer"), doc.c_str());
}

template <>
void bind_reader<recv::inproc_reader>(const py::module_&, bound_stream& bound) {
    constexpr const recv::reader_info& info = recv::inproc_reader::info;
    const std::string doc = std::string(info.text) + R"(

The reader ends when the queue is stopped and empty.

Parameters
----------
queue : InprocQueue

Raises
------
RuntimeError
    After :meth:`start` with `explicit_start`.
)";
    bound.def(info.method, &add_inproc, py::arg("queue").none(false), doc.c_str());
}

}  // namespace spead2::python
