// SPDX-License-Identifier: Apache-2.0
// StreamConfig and the enumerations RateMethod and GroupMode.
#include <array>

#include <spead2/send/config.h>

#include "bindings.h"
#include "enums.h"
#include "support/options.h"

namespace spead2::python {

template <>
struct option_value<rate_method> {
    static std::string type() { return "RateMethod"; }
    static rate_method load(const py::handle& object, const char*) {
        return to_rate_method(object);
    }
    static py::object show(rate_method method) { return from_rate_method(method); }
};

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

void bind_stream_config(py::module_& m) {
    const std::string doc =
        "How a stream sends. The arguments, keywords only, are attributes too.\n" +
        parameters_section(option_rows<stream_config>()) + R"(
Raises
------
ValueError
    If a value is outside of what it may be.
TypeError
    For an unknown argument or a value of the wrong type.
)";
    auto bound = py::class_<stream_config>(m, "StreamConfig", doc.c_str());
    bind_options(m, bound, "StreamConfig");
    bound.def_property_readonly("burst_rate", &stream_config::burst_rate,
                                "`rate` times `burst_rate_ratio`, bytes per second.");
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
    throw py::type_error("rate_method must be a RateMethod, not " + repr(object.ptr()));
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
    bind_stream_config(m);
}

}  // namespace spead2::python
