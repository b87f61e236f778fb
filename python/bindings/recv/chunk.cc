// SPDX-License-Identifier: Apache-2.0
// Chunk.
#include "chunk.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "support/options.h"

namespace spead2::python {
namespace {

/// A chunk in a ring, which keeps its Python object and what that had.
class travelling_chunk final : public recv::chunk {
public:
    kept_object self;
    chunk_object had;
};

chunk_buffer to_buffer(const py::object& object, const char* name) {
    chunk_buffer buffer;
    if (object.is_none()) return buffer;
    const py::object view = steal(run_python<PyMemoryView_FromObject>(object.ptr()));
    const Py_buffer& memory = *PyMemoryView_GET_BUFFER(view.ptr());
    const char* const wrong = memory.readonly != 0                       ? "writable"
                              : PyBuffer_IsContiguous(&memory, 'C') == 0 ? "C-contiguous"
                                                                         : nullptr;
    if (wrong != nullptr) {
        set_error(PyExc_BufferError, "%s must be %s, but %R is not", name, wrong, object.ptr());
        throw py::error_already_set();
    }
    buffer.bytes = {static_cast<std::uint8_t*>(memory.buf), static_cast<std::size_t>(memory.len)};
    buffer.object = kept_object(object);
    buffer.view = kept_object(view);
    return buffer;
}

template <chunk_buffer chunk_object::*Member>
void add_buffer(py::class_<chunk_object>& bound, const char* name, const char* doc) {
    bound.def_property(
        name, [](const chunk_object& c) { return (c.*Member).object.get(); },
        [name](chunk_object& c, const py::object& object) {
            chunk_buffer buffer = to_buffer(object, name);
            std::swap(c.*Member, buffer);
        },
        doc);
}

}  // namespace

std::unique_ptr<recv::chunk> leave_python(chunk_object& object) {
    if (!object.data.object) throw py::value_error("data buffer is not set");
    if (!object.present.object) throw py::value_error("present buffer is not set");
    auto made = std::make_unique<travelling_chunk>();
    made->self = kept_object(py::cast(object, py::return_value_policy::reference));
    made->had = std::exchange(object, {.chunk_id = object.chunk_id,
                                       .stream_id = object.stream_id,
                                       .data = {},
                                       .present = {},
                                       .extra = {}});
    made->chunk_id = object.chunk_id;
    made->stream_id = object.stream_id;
    made->data = made->had.data.bytes;
    made->present = made->had.present.bytes;
    made->extra = made->had.extra.bytes;
    return made;
}

py::object enter_python(std::unique_ptr<recv::chunk> chunk) {
    auto* const travelling = dynamic_cast<travelling_chunk*>(chunk.get());
    if (travelling == nullptr)
        throw std::runtime_error("there is a chunk in the ring that is not of Python");
    py::object self = travelling->self.get();
    auto& object = self.cast<chunk_object&>();
    travelling->had.chunk_id = chunk->chunk_id;
    travelling->had.stream_id = chunk->stream_id;
    std::swap(object, travelling->had);  // what was set meanwhile goes with the traveller
    return self;
}

void register_recv_chunk(py::module_& m) {
    auto bound = py::class_<chunk_object>(
        m, "Chunk",
        R"(Memory that is filled from many heaps. The arguments, keywords only, are attributes too.

Derive from it to keep more with it: the same objects go round. While a chunk is in a ring its
buffers are there, too, and ``None`` here.

Parameters
----------
chunk_id : int
    Which it is; a stream sets it.
stream_id : int
    That of the stream that filled it; a stream sets it.
data : buffer, optional
    Payload of the heaps. This and those below are writable and C-contiguous.
present : buffer, optional
    One byte for each heap (or packet): 1 if it came, 0 if not.
extra : buffer, optional
    What place functions say of heaps.

Raises
------
BufferError
    If a buffer is not writable, or not C-contiguous.
)");
    bound
        .def(py::init([](const py::kwargs& values) {
            auto made = std::make_unique<chunk_object>();
            set_attributes(py::cast(made.get(), py::return_value_policy::reference), values);
            return made;
        }))
        .def_property(
            "chunk_id", [](const chunk_object& c) { return c.chunk_id; },
            [](chunk_object& c, const py::object& id) {
                c.chunk_id = to_integer<std::int64_t>(id, "chunk_id");
            },
            "Which it is; -1: none.")
        .def_property(
            "stream_id", [](const chunk_object& c) { return c.stream_id; },
            [](chunk_object& c, const py::object& id) {
                c.stream_id = to_integer<std::uint64_t>(id, "stream_id");
            },
            "Of the stream that filled it.")
        .def("__repr__", [](const py::object& self) {
            const auto& c = self.cast<const chunk_object&>();
            const py::handle type = py::type::handle_of(self);
            return "<" + type.attr("__module__").cast<std::string>() + "." +
                   type.attr("__qualname__").cast<std::string>() + " " +
                   std::to_string(c.chunk_id) + " of " + std::to_string(c.data.bytes.size()) +
                   " bytes>";
        });
    add_buffer<&chunk_object::data>(bound, "data", "Payload of the heaps.");
    add_buffer<&chunk_object::present>(bound, "present", "1 for each heap (or packet) that came.");
    add_buffer<&chunk_object::extra>(bound, "extra", "What place functions say of heaps.");
    set_module(bound, "spead2.recv");
}

}  // namespace spead2::python
