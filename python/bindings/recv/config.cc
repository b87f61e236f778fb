// SPDX-License-Identifier: Apache-2.0
// StreamConfig and RingStreamConfig of the receiving wing.
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>

#include <spead2/recv/config.h>

#include "bound_types.h"
#include "support/options.h"

namespace spead2::python {

using recv::ring_stream_config;
using recv::stream_config;

template <>
struct option_value<recv::memcpy_method> {
    static std::string type() { return "int"; }
    static recv::memcpy_method load(const py::handle& object, const char* name) {
        const auto method = to_integer<std::int64_t>(object, name);
        if (method != 0 && method != 1)
            throw py::value_error("Unknown memcpy function " + std::to_string(method) +
                                  ": must be MEMCPY_STD or MEMCPY_NONTEMPORAL");
        return static_cast<recv::memcpy_method>(method);
    }
    static py::object show(recv::memcpy_method method) {
        return py::int_(static_cast<int>(method));
    }
};

template <>
struct option_value<std::shared_ptr<recv::memory_allocator>> {
    using allocator = std::shared_ptr<recv::memory_allocator>;

    static std::string type() { return "MemoryAllocator"; }
    static allocator load(const py::handle& object, const char* name) {
        py::detail::make_caster<allocator> caster;
        if (object.is_none() || !caster.load(object, false))
            throw py::type_error(std::string(name) + " must be a MemoryAllocator, not " +
                                 repr(object.ptr()));
        return static_cast<allocator>(caster);
    }
    static py::object show(const allocator& value) { return py::cast(value); }
};

namespace {

void bind_stream_config(py::module_& m) {
    const std::string doc =
        "How a stream receives. The arguments, keywords only, are attributes too.\n" +
        parameters_section(option_rows<stream_config>()) + R"(
Raises
------
ValueError
    If a number is out of range.
TypeError
    For an unknown argument or a value of the wrong type.
)";
    auto bound = py::class_<stream_config>(m, "StreamConfig", doc.c_str());
    bind_options(m, bound, "StreamConfig");
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
    const std::string doc =
        "What a stream keeps for its user. The arguments, keywords only, are attributes too.\n" +
        parameters_section(option_rows<ring_stream_config>()) + R"(
Raises
------
ValueError
    If `heaps` is 0.
TypeError
    For an unknown argument or a value of the wrong type.
)";
    auto bound = py::class_<ring_stream_config>(m, "RingStreamConfig", doc.c_str());
    bind_options(m, bound, "RingStreamConfig");
    bound.attr("DEFAULT_HEAPS") = ring_stream_config::default_heaps;
    set_module(bound, "spead2.recv");
}

}  // namespace

void register_recv_config(py::module_& m) {
    bind_stream_config(m);
    bind_ring_stream_config(m);
}

}  // namespace spead2::python
