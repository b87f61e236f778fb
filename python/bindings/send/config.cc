// SPDX-License-Identifier: Apache-2.0
// StreamConfig and the enumerations RateMethod and GroupMode.
#include <array>

#include <spead2/base/text.h>
#include <spead2/send/config.h>

#include "bindings.h"
#include "enums.h"
#include "support/arguments.h"

namespace spead2::python {
namespace {

// Members in the order of their values. They live as long as the process.
std::array<PyObject*, 3> rate_methods{};
std::array<PyObject*, 2> group_modes{};

template <std::size_t N>
void make_enum(py::module_& m, const char* name, const char* doc,
               const std::array<const char*, N>& names, std::array<PyObject*, N>& members) {
    py::list pairs;
    for (std::size_t i = 0; i < N; ++i) pairs.append(py::make_tuple(names[i], i));
    const py::object type = py::module_::import("enum").attr("Enum")(
        name, pairs, py::arg("module") = "spead2.send", py::arg("qualname") = name);
    type.attr("__doc__") = doc;
    for (std::size_t i = 0; i < N; ++i)
        members[i] = py::object(type.attr(names[i])).release().ptr();
    m.attr(name) = type;
}

/// A str, or null with the Python error set; a reference is taken over.
std::string to_string(PyObject* text) {
    const auto owned = py::reinterpret_steal<py::object>(text);
    if (!owned) throw py::error_already_set();
    return owned.cast<std::string>();
}

void bind_config(py::module_& m) {
    auto bound = py::class_<stream_config>(
        m, "StreamConfig",
        R"(How a stream sends. The arguments, keywords only, are attributes too.

Parameters
----------
max_packet_size : int
    Bytes of the largest packet (payload of UDP); at least 56 when used.
rate : float
    Target rate in bytes per second, counting whole packets; 0: as fast as possible.
burst_size : int
    Bytes that go in a row without pacing between them.
max_heaps : int
    Most heaps in the queue, those being sent included.
burst_rate_ratio : float
    Rate while catching up after a delay, as a ratio to `rate`.
rate_method : RateMethod
    Who keeps the rate.
turn_packets : int
    Packets that a heap of a group sends in its turn, with GroupMode.ROUND_ROBIN. More than one lets
    packets to one destination go as one message where substreams take turns; receivers, and the
    switch before them, then get so many in a row at the speed of the link.

Raises
------
ValueError
    If `rate` is negative or not finite, `max_heaps` or `turn_packets` is 0, or `burst_rate_ratio` is below 1 or not
    finite.
TypeError
    For an unknown argument or a value of the wrong type.
)");
    bound
        .def(py::init([](const py::kwargs& arguments) {
            auto config = std::make_unique<stream_config>();
            const py::object self = py::cast(config.get(), py::return_value_policy::reference);
            for (const auto& [name, value] : arguments) {
                const char* const utf8 = PyUnicode_AsUTF8(name.ptr());
                if (utf8 == nullptr) throw py::error_already_set();
                const std::string text = utf8;
                if (text == "burst_rate" || text.starts_with("DEFAULT_") ||
                    !py::hasattr(self, name) || text.starts_with('_'))
                    throw py::type_error("StreamConfig() got an unexpected keyword argument '" +
                                         text + "'");
                if (run_python<PyObject_SetAttr>(self.ptr(), name.ptr(), value.ptr()) != 0)
                    throw py::error_already_set();
            }
            return config;
        }))
        .def_property(
            "max_packet_size", &stream_config::max_packet_size,
            [](stream_config& c, const py::object& bytes) {
                c.set_max_packet_size(to_integer<std::size_t>(bytes, "max_packet_size"));
            },
            "Bytes of the largest packet (payload of UDP).")
        .def_property(
            "rate", &stream_config::rate, [](stream_config& c, double rate) { c.set_rate(rate); },
            "Target rate in bytes per second; 0: as fast as possible.")
        .def_property(
            "burst_size", &stream_config::burst_size,
            [](stream_config& c, const py::object& bytes) {
                c.set_burst_size(to_integer<std::size_t>(bytes, "burst_size"));
            },
            "Bytes that go in a row without pacing between them.")
        .def_property(
            "max_heaps", &stream_config::max_heaps,
            [](stream_config& c, const py::object& heaps) {
                c.set_max_heaps(to_integer<std::size_t>(heaps, "max_heaps"));
            },
            "Most heaps in the queue, those being sent included.")
        .def_property(
            "burst_rate_ratio", &stream_config::burst_rate_ratio,
            [](stream_config& c, double ratio) { c.set_burst_rate_ratio(ratio); },
            "Rate while catching up, as a ratio to `rate`.")
        .def_property(
            "rate_method",
            [](const stream_config& c) { return from_rate_method(c.get_rate_method()); },
            [](stream_config& c, const py::object& method) {
                c.set_rate_method(to_rate_method(method));
            },
            "Who keeps the rate.")
        .def_property(
            "turn_packets", &stream_config::turn_packets,
            [](stream_config& c, const py::object& packets) {
                c.set_turn_packets(to_integer<std::size_t>(packets, "turn_packets"));
            },
            "Packets that a heap of a group sends in its turn.")
        .def_property_readonly("burst_rate", &stream_config::burst_rate,
                               "`rate` times `burst_rate_ratio`, bytes per second.")
        .def("__repr__", [](const stream_config& c) {
            return "StreamConfig(max_packet_size=" + std::to_string(c.max_packet_size()) +
                   ", rate=" + to_text(c.rate()) +
                   ", burst_size=" + std::to_string(c.burst_size()) +
                   ", max_heaps=" + std::to_string(c.max_heaps()) +
                   ", burst_rate_ratio=" + to_text(c.burst_rate_ratio()) + ", rate_method=" +
                   to_string(
                       run_python<PyObject_Str>(from_rate_method(c.get_rate_method()).ptr())) +
                   ", turn_packets=" + std::to_string(c.turn_packets()) + ")";
        });
    bound.attr("DEFAULT_MAX_PACKET_SIZE") = stream_config::default_max_packet_size;
    bound.attr("DEFAULT_MAX_HEAPS") = stream_config::default_max_heaps;
    bound.attr("DEFAULT_BURST_SIZE") = stream_config::default_burst_size;
    bound.attr("DEFAULT_BURST_RATE_RATIO") = stream_config::default_burst_rate_ratio;
    bound.attr("DEFAULT_TURN_PACKETS") = stream_config::default_turn_packets;
    bound.attr("DEFAULT_RATE_METHOD") = from_rate_method(stream_config::default_rate_method);
    set_module(bound, "spead2.send");
}

}  // namespace

bool to_group_mode(PyObject* object, group_mode& mode) {
    for (std::size_t i = 0; i < group_modes.size(); ++i) {
        if (object == group_modes[i]) {
            mode = static_cast<group_mode>(i);
            return true;
        }
    }
    set_error(PyExc_TypeError, "mode must be a GroupMode, not %R", object);
    return false;
}

rate_method to_rate_method(const py::handle& object) {
    for (std::size_t i = 0; i < rate_methods.size(); ++i)
        if (object.ptr() == rate_methods[i]) return static_cast<rate_method>(i);
    throw py::type_error("rate_method must be a RateMethod, not " +
                         to_string(run_python<PyObject_Repr>(object.ptr())));
}

py::object from_rate_method(rate_method method) {
    return py::reinterpret_borrow<py::object>(rate_methods[static_cast<std::size_t>(method)]);
}

void register_config(py::module_& m) {
    make_enum(m, "RateMethod",
              "Who keeps the rate of a stream: SW the stream itself, HW the device where it can "
              "(else the stream), AUTO the implementation's choice (at present the stream).",
              {"SW", "HW", "AUTO"}, rate_methods);
    make_enum(m, "GroupMode",
              "Order of the packets of a group of heaps: ROUND_ROBIN packets of each heap in "
              "turn (one, unless asked for more), skipping heaps that have no more; SERIAL one "
              "heap after another.",
              {"ROUND_ROBIN", "SERIAL"}, group_modes);
    bind_config(m);
}

}  // namespace spead2::python
