// SPDX-License-Identifier: Apache-2.0
// ChunkStreamGroupConfig, ChunkStreamGroupMember and ChunkStreamRingGroup.
#include <spead2/recv/chunk_group.h>

#include <memory>
#include <string>

#include "chunk.h"
#include "chunk_config.h"
#include "support/options.h"

namespace spead2::python {

using recv::chunk_group_config;
using recv::chunk_group_member;
using recv::chunk_ring;
using recv::chunk_ring_group;

template <>
inline constexpr bool is_bound<chunk_group_config> = true;

namespace {

PyObject* mode_type = nullptr;  ///< enumeration of eviction modes

py::object from_mode(recv::eviction_mode mode) {
    return py::handle(mode_type)(static_cast<int>(mode));
}

recv::eviction_mode to_mode(const py::object& object) {
    if (!py::isinstance(object, py::handle(mode_type)))
        throw py::type_error("eviction_mode must be a ChunkStreamGroupConfig.EvictionMode, not " +
                             repr(object.ptr()));
    return static_cast<recv::eviction_mode>(object.attr("value").cast<int>());
}

void bind_group_config(py::module_& m) {
    auto bound = py::class_<chunk_group_config>(
        m, "ChunkStreamGroupConfig",
        R"(How streams fill chunks together. The arguments, keywords only, are attributes too.

Parameters
----------
max_chunks : int
    Chunks that are filled at a time, by all streams together.
eviction_mode : ChunkStreamGroupConfig.EvictionMode
    What becomes of a chunk that one stream has moved past and others have not. ``LOSSY``: it goes,
    and what others still have for it is too old. ``LOSSLESS``: the stream waits until all others have
    moved past it, or ended.

Raises
------
ValueError
    If `max_chunks` is 0.
TypeError
    For an unknown argument or a value of the wrong type.
)");
    bound
        .def(py::init([](const py::kwargs& values) {
            auto config = std::make_unique<chunk_group_config>();
            set_attributes(py::cast(config.get(), py::return_value_policy::reference), values);
            return config;
        }))
        .def_property(
            "max_chunks", &chunk_group_config::max_chunks,
            [](chunk_group_config& c, const py::object& chunks) {
                c.set_max_chunks(to_integer<std::size_t>(chunks, "max_chunks"));
            },
            "Chunks that are filled at a time, by all streams together.")
        .def_property(
            "eviction_mode", [](const chunk_group_config& c) { return from_mode(c.eviction()); },
            [](chunk_group_config& c, const py::object& mode) { c.set_eviction(to_mode(mode)); },
            "What becomes of a chunk that one stream has moved past and others have not.");
    bound.attr("DEFAULT_MAX_CHUNKS") = chunk_group_config::default_max_chunks;
    set_module(bound, "spead2.recv");
    py::dict names;
    names["LOSSY"] = static_cast<int>(recv::eviction_mode::lossy);
    names["LOSSLESS"] = static_cast<int>(recv::eviction_mode::lossless);
    py::object modes = py::module_::import("enum").attr("Enum")(
        "EvictionMode", names, py::arg("module") = "spead2.recv",
        py::arg("qualname") = "ChunkStreamGroupConfig.EvictionMode");
    bound.attr("EvictionMode") = modes;
    mode_type = modes.release().ptr();
}

/// A member, which keeps its group.
std::shared_ptr<chunk_group_member> member(const std::shared_ptr<chunk_ring_group>& group,
                                           chunk_group_member& is) {
    return {group, &is};
}

/// One by number, from the end if negative. \throw IndexError
std::shared_ptr<chunk_group_member> at(const std::shared_ptr<chunk_ring_group>& group,
                                       const py::object& number) {
    const auto n = static_cast<std::int64_t>(group->size());
    const std::int64_t given = to_integer<std::int64_t>(number, "index");
    const std::int64_t i = given < 0 ? given + n : given;
    if (i < 0 || i >= n)
        throw py::index_error("there is no stream " + std::to_string(given) + " in a group of " +
                              std::to_string(n));
    return member(group, group->at(static_cast<std::size_t>(i)));
}

py::object group_member(const std::shared_ptr<chunk_ring_group>& group, const py::object& index) {
    if (!py::isinstance<py::slice>(index)) return py::cast(at(group, index));
    std::size_t start, stop, step, n;
    if (!index.cast<py::slice>().compute(group->size(), &start, &stop, &step, &n))
        throw py::error_already_set();
    py::list list;
    for (; n != 0; --n, start += step) list.append(member(group, group->at(start)));
    return list;
}

void bind_group(py::module_& m) {
    auto bound =
        py::class_<chunk_ring_group, recv::chunk_ring_pair, std::shared_ptr<chunk_ring_group>>(
            m, "ChunkStreamRingGroup",
            R"(Streams that fill the same chunks, each with threads of its own. A sequence of them.

Chunks go to the data ring in the order of their IDs, which stops after the last of the streams has
ended.

Parameters
----------
config : ChunkStreamGroupConfig
    Is copied.
data_ringbuffer, free_ringbuffer : ChunkRingbuffer
    May be shared with other streams.
)");
    bound
        .def(py::init([](const chunk_group_config& config, const std::shared_ptr<chunk_ring>& data,
                         const std::shared_ptr<chunk_ring>& free) {
                 return make_shared_without_gil<chunk_ring_group>(config, data, free);
             }),
             py::arg("config"), py::arg("data_ringbuffer").none(false),
             py::arg("free_ringbuffer").none(false), py::keep_alive<1, 3>(), py::keep_alive<1, 4>())
        .def(
            "emplace_back",
            [](const std::shared_ptr<chunk_ring_group>& group,
               const std::shared_ptr<thread_pool>& pool, const recv::stream_config& config,
               const chunk_config& chunk_config) {
                chunk_group_member* made = nullptr;
                {
                    const gil_release released;
                    made = &group->emplace_back(pool, config, chunk_config);
                }
                return member(group, *made);
            },
            py::arg("thread_pool").none(false), py::arg("config") = recv::stream_config(),
            py::arg("chunk_stream_config"),
            R"(Add a stream.

Parameters
----------
thread_pool : ThreadPool
    Its threads receive. Give each stream its own.
config : StreamConfig
    Is copied.
chunk_stream_config : ChunkStreamConfig
    Is copied.

Returns
-------
ChunkStreamGroupMember

Raises
------
ValueError
    As for :class:`ChunkRingStream`, and if its `max_chunks` is larger than that of the group.
RuntimeError
    If data has arrived already, or all streams of the group have ended.
)")
        .def(
            "stop",
            [](const std::shared_ptr<chunk_ring_group>& group) {
                const gil_release released;
                group->stop();
            },
            "Stop all streams, and both rings. Harmless when repeated.")
        .def_property_readonly(
            "config", [](const chunk_ring_group& g) { return chunk_group_config(g.config()); },
            "Copy of the configuration.")
        .def("__len__", &chunk_ring_group::size)
        .def("__getitem__", &group_member, py::arg("index"));
    // The rest of a sequence follows from these two.
    const py::object sequence = py::module_::import("collections.abc").attr("Sequence");
    for (const char* const name : {"__iter__", "__reversed__", "__contains__", "index", "count"})
        bound.attr(name) = sequence.attr(name);
    sequence.attr("register")(bound);
    set_module(bound, "spead2.recv");
}

}  // namespace

void register_recv_chunk_group(py::module_& m) {
    bind_group_config(m);
    auto bound = py::class_<chunk_group_member, recv::stream, std::shared_ptr<chunk_group_member>>(
        m, "ChunkStreamGroupMember",
        R"(One of the streams of a group, which it keeps.

:meth:`stop` stops the whole group. When the stream ends by itself, or its thread pool is stopped, the
others go on without it.

Has the statistics ``too_old_heaps`` and ``rejected_heaps``, after those of its configuration.
)");
    set_module(bound, "spead2.recv");
    bind_group(m);
}

}  // namespace spead2::python
