// SPDX-License-Identifier: Apache-2.0
// ChunkStreamConfig, the place functions of compiled code, and PlacementRule.
#include "chunk_config.h"

#include <pybind11/stl.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "support/options.h"

namespace spead2::python {
namespace {

using recv::chunk_place_data;
using recv::placement_rule;

constexpr const char* simple_signature = "void (void *, size_t)";
constexpr const char* context_signature = "void (void *, size_t, void *)";

/// The function in a capsule. \param owner  is kept with it
recv::place_function to_place_function(PyObject* capsule, kept_object owner) {
    if (PyCapsule_CheckExact(capsule) == 0)
        throw py::type_error(
            "place must begin with a PyCapsule, as scipy.LowLevelCallable does, "
            "not with " +
            repr(capsule));
    const char* const signature = PyCapsule_GetName(capsule);
    if (signature == nullptr) {
        PyErr_Clear();
        throw py::value_error("Signature missing from capsule");
    }
    void* const pointer = PyCapsule_GetPointer(capsule, signature);
    if (pointer == nullptr) throw py::error_already_set();
    if (std::strcmp(signature, simple_signature) == 0) {
        using function = void (*)(void*, std::size_t);
        return [f = reinterpret_cast<function>(pointer), owner = std::move(owner)](
                   chunk_place_data* data, std::size_t size) { f(data, size); };
    }
    if (std::strcmp(signature, context_signature) == 0) {
        using function = void (*)(void*, std::size_t, void*);
        void* const context = PyCapsule_GetContext(capsule);
        if (context == nullptr && PyErr_Occurred() != nullptr) throw py::error_already_set();
        return [f = reinterpret_cast<function>(pointer), context, owner = std::move(owner)](
                   chunk_place_data* data, std::size_t size) { f(data, size, context); };
    }
    throw py::value_error("Invalid callback signature \"" + std::string(signature) +
                          "\": must be \"" + simple_signature + "\" or \"" + context_signature +
                          "\"");
}

void set_place(chunk_config& c, const py::object& place) {
    if (place.is_none()) {
        c.set_place(recv::place_function());
    } else if (py::isinstance<placement_rule>(place)) {
        c.set_place(place.cast<const placement_rule&>());
    } else {
        // Not by its __getitem__(), which scipy.LowLevelCallable has raise an error.
        const py::object all = PyTuple_Check(place.ptr()) || PyList_Check(place.ptr())
                                   ? steal(PySequence_Tuple(place.ptr()))
                                   : py::none();
        if (all.is_none())
            throw py::type_error("place must be a tuple or a PlacementRule, not " +
                                 repr(place.ptr()));
        if (PyTuple_GET_SIZE(all.ptr()) == 0) throw py::index_error("place is empty");
        c.set_place(to_place_function(PyTuple_GET_ITEM(all.ptr(), 0), kept_object(place)));
    }
    c.place_object = kept_object(place);
}

std::vector<std::uint64_t> to_ids(const py::object& ids) {
    std::vector<std::uint64_t> all;
    for (const py::handle id : py::list(ids)) all.push_back(to_integer<std::uint64_t>(id, "items"));
    return all;
}

void bind_chunk_config(py::module_& m) {
    auto bound = py::class_<chunk_config>(
        m, "ChunkStreamConfig",
        R"(How heaps go to chunks. The arguments, keywords only, are attributes too.

Parameters
----------
items : list of int
    IDs of the immediates that `place` is given, in this order.
max_chunks : int
    Chunks that are filled at a time.
place : tuple or PlacementRule
    Says where a heap goes. A tuple begins with a capsule of a C function, as that of
    :class:`scipy.LowLevelCallable` does; its signature is ``void (void *, size_t)`` or
    ``void (void *, size_t, void *)``. The whole tuple is kept.
max_heap_extra : int
    Bytes that `place` may give for the `extra` of a chunk with each heap.

Raises
------
ValueError
    If `max_chunks` is 0, or the signature is another one.
TypeError
    For an unknown argument or a value of the wrong type.
)");
    bound
        .def(py::init([](const py::kwargs& values) {
            auto config = std::make_unique<chunk_config>();
            set_attributes(py::cast(config.get(), py::return_value_policy::reference), values);
            return config;
        }))
        .def_property(
            "items", [](const chunk_config& c) { return c.items(); },
            [](chunk_config& c, const py::object& ids) { c.set_items(to_ids(ids)); },
            "IDs of the immediates that `place` is given; a copy.")
        .def_property(
            "max_chunks", [](const chunk_config& c) { return c.max_chunks(); },
            [](chunk_config& c, const py::object& chunks) {
                c.set_max_chunks(to_integer<std::size_t>(chunks, "max_chunks"));
            },
            "Chunks that are filled at a time.")
        .def_property(
            "place", [](const chunk_config& c) { return c.place_object.get(); }, &set_place,
            "What was set, or None.")
        .def_property(
            "max_heap_extra", [](const chunk_config& c) { return c.max_heap_extra(); },
            [](chunk_config& c, const py::object& bytes) {
                c.set_max_heap_extra(to_integer<std::size_t>(bytes, "max_heap_extra"));
            },
            "Bytes of `extra` that `place` may give with each heap.")
        .def_property_readonly(
            "packet_presence_payload_size",
            [](const chunk_config& c) { return c.packet_presence_payload_size(); },
            "Payload of a packet, if packets are marked as present; 0 if heaps are.")
        .def(
            "enable_packet_presence",
            [](const py::object& self, const py::object& payload_size) {
                self.cast<chunk_config&>().enable_packet_presence(
                    to_integer<std::size_t>(payload_size, "payload_size"));
                return self;
            },
            py::arg("payload_size"),
            R"(Mark packets rather than heaps as present.

That of byte i of a heap is at ``heap_index + i // payload_size``.

Parameters
----------
payload_size : int
    Bytes of payload in each packet but for a heap's last.

Returns
-------
ChunkStreamConfig
    This one.

Raises
------
ValueError
    If it is 0.
)")
        .def(
            "disable_packet_presence",
            [](const py::object& self) {
                self.cast<chunk_config&>().disable_packet_presence();
                return self;
            },
            R"(Mark heaps as present.

Returns
-------
ChunkStreamConfig
    This one.
)");
    bound.attr("DEFAULT_MAX_CHUNKS") = recv::chunk_stream_config::default_max_chunks;
    set_module(bound, "spead2.recv");
}

placement_rule::axis to_axis(const py::handle& object) {
    constexpr const char* form = "an axis must be (item, count[, first[, step[, stride]]])";
    if (py::isinstance<py::str>(object) || PySequence_Check(object.ptr()) == 0)
        throw py::type_error(std::string(form) + ", not " + repr(object.ptr()));
    const py::tuple values = steal(run_python<PySequence_Tuple>(object.ptr()));
    if (values.size() < 2 || values.size() > 5)
        throw py::value_error(std::string(form) + ", not " + repr(object.ptr()));
    placement_rule::axis a;
    a.item = to_integer<std::size_t>(values[0], "item");
    a.count = to_integer<std::int64_t>(values[1], "count");
    if (values.size() > 2) a.first = to_integer<std::int64_t>(values[2], "first");
    if (values.size() > 3) a.step = to_integer<std::int64_t>(values[3], "step");
    if (values.size() > 4) a.stride = to_integer<std::size_t>(values[4], "stride");
    return a;
}

void bind_rule(py::module_& m) {
    auto bound = py::class_<placement_rule>(
        m, "PlacementRule",
        R"(The common way to place heaps, as fast as compiled code: time goes to chunks.

A chunk is an array of heaps: along time first, then along each of `axes`, the last one fastest.
Items are numbered as in :attr:`ChunkStreamConfig.items`.

Parameters
----------
heap_size : int
    Bytes of a heap.
time_per_chunk : int
    Difference of time from one chunk to the next.
axes : iterable of tuple
    ``(item, count[, first[, step[, stride]]])``: heap i along the axis has the value
    ``first + i * step`` in this item; heaps with other values are rejected. `stride` is the
    difference of the index from one heap to the next, where that is not to follow from the counts.
time_per_heap : int
    Difference of time from one heap to the next; 0 if a chunk has but one heap along time.
time_item : int
    Which item is the time.
time_first : int
    The time at which chunk 0 begins. Earlier heaps are rejected.
time_stride : int
    Difference of the index from one heap to the next in time; 0: what follows from `axes`.

Raises
------
ValueError
    If a number is out of range. Whether there are so many items is only known to the stream.
)");
    bound.def(py::init([](const py::object& heap_size, const py::object& time_per_chunk,
                          const py::object& axes, const py::object& time_per_heap,
                          const py::object& time_item, const py::object& time_first,
                          const py::object& time_stride) {
                  placement_rule rule;
                  rule.heap_size = to_integer<std::size_t>(heap_size, "heap_size");
                  rule.time_per_chunk = to_integer<std::int64_t>(time_per_chunk, "time_per_chunk");
                  rule.time_per_heap = to_integer<std::int64_t>(time_per_heap, "time_per_heap");
                  rule.time_item = to_integer<std::size_t>(time_item, "time_item");
                  rule.time_first = to_integer<std::int64_t>(time_first, "time_first");
                  rule.time_stride = to_integer<std::size_t>(time_stride, "time_stride");
                  for (const py::handle a : py::list(axes)) rule.axes.push_back(to_axis(a));
                  static_cast<void>(rule.make(std::numeric_limits<std::size_t>::max()));
                  return rule;
              }),
              py::arg("heap_size"), py::arg("time_per_chunk"), py::arg("axes") = py::tuple(),
              py::arg("time_per_heap") = 0, py::kw_only(), py::arg("time_item") = 0,
              py::arg("time_first") = 0, py::arg("time_stride") = 0);
    set_module(bound, "spead2.recv");
}

}  // namespace

void register_recv_chunk_config(py::module_& m) {
    bind_rule(m);
    bind_chunk_config(m);
}

}  // namespace spead2::python
