// SPDX-License-Identifier: Apache-2.0
// ChunkRingbuffer and ChunkRingPair.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <spead2/base/errors.h>

#include "chunk.h"
#include "support/arguments.h"

namespace spead2::python {
namespace {

using recv::chunk_ring;
using recv::chunk_ring_pair;

PyObject* ring_empty_type = nullptr;
PyObject* full_type = nullptr;

[[noreturn]] void throw_empty() {
    PyErr_SetString(ring_empty_type, "ring buffer is empty");
    throw py::error_already_set();
}

[[noreturn]] void throw_full() {
    PyErr_SetString(full_type, "ring buffer is full");
    throw py::error_already_set();
}

py::object take(chunk_ring& ring) {
    std::optional<std::unique_ptr<recv::chunk>> got;
    {
        const gil_release released;
        got = ring.pop(signal_raised);
    }
    if (!got) throw py::error_already_set();
    return enter_python(*std::move(got));
}

py::object take_nowait(chunk_ring& ring) {
    std::optional<std::unique_ptr<recv::chunk>> got = ring.try_pop();
    if (!got) throw_empty();
    return enter_python(*std::move(got));
}

void put(chunk_ring& ring, chunk_object& chunk) {
    chunk_on_its_way on_its_way(chunk);
    bool done;
    {
        const gil_release released;
        done = ring.push(on_its_way.chunk, signal_raised);
    }
    if (!done) throw py::error_already_set();
}

void put_nowait(chunk_ring& ring, chunk_object& chunk) {
    chunk_on_its_way on_its_way(chunk);
    if (!ring.try_push(on_its_way.chunk)) throw_full();
}

void add_free_chunk(chunk_ring_pair& rings, chunk_object& chunk) {
    chunk_on_its_way on_its_way(chunk);
    bool done;
    {
        const gil_release released;
        done = rings.add_free_chunk(on_its_way.chunk);
    }
    if (!done) throw_full();
}

void bind_ring(py::module_& m) {
    auto bound = py::class_<chunk_ring, std::shared_ptr<chunk_ring>>(
        m, "ChunkRingbuffer",
        R"(Chunks that wait for somebody to take them. Any number of threads may use one.

Iterating takes chunks as they come, until the ring is stopped and empty.

Parameters
----------
maxsize : int
    Chunks that it holds at most.
)");
    bound
        .def(py::init([](const py::object& maxsize) {
                 return std::make_shared<chunk_ring>(to_integer<std::size_t>(maxsize, "maxsize"));
             }),
             py::arg("maxsize"))
        .def(
            "qsize", [](const chunk_ring& r) { return r.size(); }, "Chunks in it.")
        .def_property_readonly(
            "maxsize", [](const chunk_ring& r) { return r.capacity(); },
            "Chunks that it holds at most.")
        .def(
            "empty", [](const chunk_ring& r) { return r.size() == 0; }, "Whether there is none.")
        .def(
            "full", [](const chunk_ring& r) { return r.size() == r.capacity(); },
            "Whether there is room for none.")
        .def("get", &take, R"(Take the next chunk; wait for one.

Returns
-------
Chunk

Raises
------
Stopped
    If the ring is stopped and empty.
)")
        .def("get_nowait", &take_nowait, R"(Take the next chunk, without waiting.

Returns
-------
Chunk

Raises
------
Empty
    If there is none.
Stopped
    If the ring is stopped and empty.
)")
        .def("put", &put, py::arg("chunk"), R"(Put a chunk in; wait for room.

Parameters
----------
chunk : Chunk
    Its `data` and `present` must be set.

Raises
------
ValueError
    If they are not.
Stopped
    If the ring is stopped. The chunk keeps its buffers.
)")
        .def("put_nowait", &put_nowait, py::arg("chunk"), R"(Put a chunk in, without waiting.

Parameters
----------
chunk : Chunk
    Its `data` and `present` must be set.

Raises
------
ValueError
    If they are not.
Full
    If there is no room. The chunk keeps its buffers, as it does when the ring is stopped.
Stopped
    If the ring is stopped.
)")
        .def("__iter__", [](const py::object& self) { return self; })
        .def("__next__",
             [](chunk_ring& r) {
                 try {
                     return take(r);
                 } catch (const stopped_error&) {
                     throw py::stop_iteration();
                 }
             })
        .def("stop", &chunk_ring::stop, R"(Take no more chunks. Those in it can still be taken.

Returns
-------
bool
    Whether this call stopped it.
)")
        .def("add_producer", &chunk_ring::add_producer,
             "Count one more who puts chunks in, such as a stream.")
        .def("remove_producer", &chunk_ring::remove_producer,
             R"(Count one less. The ring is stopped with the last.

Returns
-------
bool
    Whether it was the last.
)")
        .def_property_readonly("data_fd", &chunk_ring::data_fd,
                               "File descriptor that polls readable while there is a chunk, and "
                               "once the ring is stopped. Do not read from it.")
        .def_property_readonly("space_fd", &chunk_ring::space_fd,
                               "File descriptor that polls readable while there is room, and once "
                               "the ring is stopped. Do not read from it.")
        .def("__repr__", [](const py::object& self) {
            const auto& r = self.cast<const chunk_ring&>();
            const py::handle type = py::type::handle_of(self);
            return "<" + type.attr("__module__").cast<std::string>() + "." +
                   type.attr("__qualname__").cast<std::string>() + " with " +
                   std::to_string(r.size()) + " of " + std::to_string(r.capacity()) + " chunks" +
                   (r.stopped() ? ", stopped>" : ">");
        });
    set_module(bound, "spead2.recv");
}

void bind_pair(py::module_& m) {
    auto bound = py::class_<chunk_ring_pair, std::shared_ptr<chunk_ring_pair>>(
        m, "ChunkRingPair", "Two rings that chunks go round in.");
    bound
        .def("add_free_chunk", &add_free_chunk, py::arg("chunk"),
             R"(Give an empty chunk: clears its `present` and puts it into the free ring.

Does nothing if that is stopped.

Parameters
----------
chunk : Chunk

Raises
------
ValueError
    If its `data` or `present` is not set.
Full
    If there is no room.
)")
        .def_property_readonly("data_ringbuffer", &chunk_ring_pair::data_ring,
                               "Where full chunks come from.")
        .def_property_readonly("free_ringbuffer", &chunk_ring_pair::free_ring,
                               "Where empty chunks go to.");
    set_module(bound, "spead2.recv");
}

}  // namespace

void register_recv_chunk_ring(py::module_& m, const py::object& empty, const py::object& full) {
    ring_empty_type = py::object(empty).release().ptr();
    full_type = py::object(full).release().ptr();
    bind_ring(m);
    bind_pair(m);
}

}  // namespace spead2::python
