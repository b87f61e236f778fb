// SPDX-License-Identifier: Apache-2.0
// StreamConfig and RingStreamConfig of the receiving wing.
#include <pybind11/stl.h>

#include <limits>
#include <memory>
#include <string>

#include <spead2/recv/config.h>

#include "bound_types.h"
#include "support/arguments.h"

namespace spead2::python {
namespace {

using recv::ring_stream_config;
using recv::stream_config;

unsigned to_bug_compat(const py::object& bits) {
    const auto number = to_integer<std::uint64_t>(bits, "bug_compat");
    // What is too large has unknown bits, too.
    return static_cast<unsigned>(
        std::min<std::uint64_t>(number, std::numeric_limits<unsigned>::max()));
}

recv::memcpy_method to_memcpy(const py::object& number) {
    const auto method = to_integer<std::int64_t>(number, "memcpy");
    if (method != 0 && method != 1)
        throw py::value_error("Unknown memcpy function " + std::to_string(method) +
                              ": must be MEMCPY_STD or MEMCPY_NONTEMPORAL");
    return static_cast<recv::memcpy_method>(method);
}

bool to_bool(const py::object& object, const char* name) {
    if (!object.is_none() && PyNumber_Check(object.ptr()) == 0) {
        set_error(PyExc_TypeError, "%s must be True or False, not %R", name, object.ptr());
        throw py::error_already_set();
    }
    const int truth = run_python<PyObject_IsTrue>(object.ptr());
    if (truth < 0) throw py::error_already_set();
    return truth != 0;
}

/// A property for a pair of getter and setter of the engine.
template <typename Config, typename Value>
void add_number(py::class_<Config>& bound, const char* name, Value (Config::*get)() const noexcept,
                Config& (Config::*set)(Value), const char* doc) {
    bound.def_property(
        name, [get](const Config& c) { return (c.*get)(); },
        [name, set](Config& c, const py::object& value) {
            (c.*set)(to_integer<Value>(value, name));
        },
        doc);
}

template <typename Config>
void add_switch(py::class_<Config>& bound, const char* name, bool (Config::*get)() const noexcept,
                Config& (Config::*set)(bool) noexcept, const char* doc) {
    bound.def_property(
        name, [get](const Config& c) { return (c.*get)(); },
        [name, set](Config& c, const py::object& value) { (c.*set)(to_bool(value, name)); }, doc);
}

/// A constructor that sets attributes by keyword.
template <typename Config>
void add_constructor(py::class_<Config>& bound) {
    bound.def(py::init([](const py::kwargs& values) {
        auto config = std::make_unique<Config>();
        set_by_keyword(py::cast(config.get(), py::return_value_policy::reference), values);
        return config;
    }));
}

void bind_stream_config(py::module_& m) {
    auto bound = py::class_<stream_config>(
        m, "StreamConfig",
        R"(How a stream receives. The arguments, keywords only, are attributes too.

Parameters
----------
max_heaps : int
    Heaps of a substream that can be incomplete at a time.
substreams : int
    The heap cnt modulo this is the substream.
bug_compat : int
    Sum of the ``BUG_COMPAT_*`` constants, for descriptors of old senders.
max_heap_size : int
    Bytes of the largest heap. Packets of larger ones are rejected.
memcpy : int
    MEMCPY_STD or MEMCPY_NONTEMPORAL: how payload is copied.
memory_allocator : MemoryAllocator
    Where heaps have their memory from.
stop_on_stop_item : bool
    Whether a heap that says that the stream ends stops it.
stop_on_first_end : bool
    Whether the stream stops when the first of its readers has ended; else when the last has.
allow_unsized_heaps : bool
    Whether packets are taken that do not say how long their heap is.
allow_out_of_order : bool
    Whether the packets of a heap may come in any order.
stream_id : int
    A number of the user's, copied to chunks.
explicit_start : bool
    Whether packets only flow after :meth:`Stream.start`.

Raises
------
ValueError
    If a number is out of range.
TypeError
    For an unknown argument or a value of the wrong type.
)");
    add_constructor(bound);
    add_number(bound, "max_heaps", &stream_config::max_heaps, &stream_config::set_max_heaps,
               "Heaps of a substream that can be incomplete at a time.");
    add_number(bound, "substreams", &stream_config::substreams, &stream_config::set_substreams,
               "The heap cnt modulo this is the substream.");
    add_number(bound, "max_heap_size", &stream_config::max_heap_size,
               &stream_config::set_max_heap_size, "Bytes of the largest heap.");
    bound
        .def_property(
            "bug_compat", &stream_config::bug_compat,
            [](stream_config& c, const py::object& bits) { c.set_bug_compat(to_bug_compat(bits)); },
            "Sum of the ``BUG_COMPAT_*`` constants.")
        .def_property(
            "memcpy", [](const stream_config& c) { return static_cast<int>(c.memcpy()); },
            [](stream_config& c, const py::object& method) { c.set_memcpy(to_memcpy(method)); },
            "How payload is copied: MEMCPY_STD or MEMCPY_NONTEMPORAL.")
        .def_property(
            "memory_allocator", &stream_config::allocator,
            [](stream_config& c, const std::shared_ptr<recv::memory_allocator>& allocator) {
                if (!allocator)
                    throw py::type_error("memory_allocator must be a MemoryAllocator, not None");
                c.set_allocator(allocator);
            },
            "Where heaps have their memory from.")
        .def_property(
            "stream_id", &stream_config::stream_id,
            [](stream_config& c, const py::object& id) {
                c.set_stream_id(to_integer<std::uint64_t>(id, "stream_id"));
            },
            "A number of the user's, copied to chunks.");
    add_switch(bound, "stop_on_stop_item", &stream_config::stop_on_stop_item,
               &stream_config::set_stop_on_stop_item,
               "Whether a heap that says that the stream ends stops it.");
    add_switch(bound, "stop_on_first_end", &stream_config::stop_on_first_end,
               &stream_config::set_stop_on_first_end,
               "Whether the stream stops with the first of its readers; else with the last.");
    add_switch(bound, "allow_unsized_heaps", &stream_config::allow_unsized_heaps,
               &stream_config::set_allow_unsized_heaps,
               "Whether packets are taken that do not say how long their heap is.");
    add_switch(bound, "allow_out_of_order", &stream_config::allow_out_of_order,
               &stream_config::set_allow_out_of_order,
               "Whether the packets of a heap may come in any order.");
    add_switch(bound, "explicit_start", &stream_config::explicit_start,
               &stream_config::set_explicit_start,
               "Whether packets only flow after Stream.start().");
    bound
        .def_property_readonly(
            "stats", [](const stream_config& c) { return recv::stream_stat_list(c.stats()); },
            "List of StreamStatConfig, the built-in ones first.")
        .def(
            "add_stat",
            [](stream_config& c, std::string name, const py::object& mode) {
                return c.add_stat(std::move(name), to_stat_mode(mode));
            },
            py::arg("name"), py::arg("mode") = from_stat_mode(recv::stat_mode::counter),
            R"(Add a statistic of the user's.

Parameters
----------
name : str
mode : StreamStatConfig.Mode

Returns
-------
int
    Its index.

Raises
------
ValueError
    If there is a statistic of this name.
)")
        .def("next_stat_index", &stream_config::next_stat_index,
             "The index that the next add_stat() gives.")
        .def(
            "get_stat_index",
            [](const stream_config& c, const std::string& name) {
                try {
                    return c.get_stat_index(name);
                } catch (const std::out_of_range&) {
                    throw py::index_error(name + " is not a known statistic name");
                }
            },
            py::arg("name"),
            R"(Find a statistic.

Parameters
----------
name : str

Returns
-------
int

Raises
------
IndexError
    If there is none of this name.
)");
    bound.attr("DEFAULT_MAX_HEAPS") = stream_config::default_max_heaps;
    bound.attr("DEFAULT_MAX_HEAP_SIZE") = stream_config::default_max_heap_size;
    set_module(bound, "spead2.recv");
}

void bind_ring_stream_config(py::module_& m) {
    auto bound = py::class_<ring_stream_config>(
        m, "RingStreamConfig",
        R"(What a stream keeps for its user. The arguments, keywords only, are attributes too.

Parameters
----------
heaps : int
    Heaps that wait to be taken. When there are so many, the stream's readers pause.
contiguous_only : bool
    Whether incomplete heaps are dropped, with a log message.
incomplete_keep_payload_ranges : bool
    Whether incomplete heaps tell which payload they have.

Raises
------
ValueError
    If `heaps` is 0.
TypeError
    For an unknown argument or a value of the wrong type.
)");
    add_constructor(bound);
    add_number(bound, "heaps", &ring_stream_config::heaps, &ring_stream_config::set_heaps,
               "Heaps that wait to be taken.");
    add_switch(bound, "contiguous_only", &ring_stream_config::contiguous_only,
               &ring_stream_config::set_contiguous_only,
               "Whether incomplete heaps are dropped, with a log message.");
    add_switch(bound, "incomplete_keep_payload_ranges",
               &ring_stream_config::incomplete_keep_payload_ranges,
               &ring_stream_config::set_incomplete_keep_payload_ranges,
               "Whether incomplete heaps tell which payload they have.");
    bound.attr("DEFAULT_HEAPS") = ring_stream_config::default_heaps;
    set_module(bound, "spead2.recv");
}

}  // namespace

void set_by_keyword(const py::object& self, const py::kwargs& values) {
    const py::handle type = py::type::handle_of(self);
    for (const auto& [name, value] : values) {
        const char* const utf8 = PyUnicode_AsUTF8(name.ptr());
        if (utf8 == nullptr) throw py::error_already_set();
        PyObject* const attribute =
            utf8[0] == '_'
                ? nullptr
                : _PyType_Lookup(reinterpret_cast<PyTypeObject*>(type.ptr()), name.ptr());
        if (attribute == nullptr) {
            set_error(PyExc_TypeError, "%S() got an unexpected keyword argument '%U'",
                      type.attr("__name__").ptr(), name.ptr());
            throw py::error_already_set();
        }
        if (PyObject_TypeCheck(attribute, &PyProperty_Type) == 0) {
            set_error(PyExc_AttributeError, "attribute '%U' of %S cannot be set", name.ptr(),
                      type.attr("__name__").ptr());
            throw py::error_already_set();
        }
        if (run_python<PyObject_SetAttr>(self.ptr(), name.ptr(), value.ptr()) != 0)
            throw py::error_already_set();
    }
}

void register_recv_config(py::module_& m) {
    bind_stream_config(m);
    bind_ring_stream_config(m);
}

}  // namespace spead2::python
