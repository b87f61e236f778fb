// SPDX-License-Identifier: GPL-3.0-or-later
// gnuradio.spead2.spead2_python: the blocks and their options. What makes them convenient is in
// gnuradio/spead2/__init__.py, which also sees to it that GNU Radio's and the engine's types are
// known before this module is loaded.
#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <gnuradio/block.h>
#include <gnuradio/spead2/heap_sink.h>
#include <gnuradio/spead2/ibv_heap_sink.h>
#include <gnuradio/spead2/item.h>
#include <gnuradio/spead2/pdu_heap_sink.h>
#include <gnuradio/spead2/stream_options.h>
#include <gnuradio/spead2/tcp_heap_sink.h>
#include <gnuradio/spead2/udp_heap_sink.h>

#include <spead2/base/errors.h>

#include <cctype>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <system_error>
#include <variant>

#include "support/guarded_calls.h"

namespace py = pybind11;

namespace gr::spead2 {
namespace {

/// Exceptions as spead2.send has them: OSError with its errno; the rest is pybind11's.
void translate(std::exception_ptr p) {
    try {
        if (p) std::rethrow_exception(p);
    } catch (const std::system_error& e) {
        PyErr_SetObject(PyExc_OSError,
                        py::make_tuple(e.code().value(), std::string(e.what())).ptr());
    }
}

// ---- C++ that makes the same scalar item: GNU Radio Companion writes it into C++ flowgraphs.

/// Without any quote but the two outside, which GNU Radio Companion might change.
std::string cpp_text(const std::string& text) {
    std::string code = "\"";
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == ' ' || c == '_') {
            code += c;
        } else {
            char escape[5];
            std::snprintf(escape, sizeof escape, "\\%03o", static_cast<unsigned char>(c));
            code += escape;
        }
    }
    return code + "\"";
}

std::string cpp_number(double v) {
    char code[32];
    std::snprintf(code, sizeof code, "%.17g", v);
    return "double(" + std::string(code) + ")";
}

std::string cpp_value(const scalar_value& v) {
    if (const auto* i = std::get_if<std::int64_t>(&v))
        return "std::int64_t(" + std::to_string(*i) + ")";
    if (const auto* u = std::get_if<std::uint64_t>(&v))
        return "std::uint64_t(" + std::to_string(*u) + "u)";
    if (const auto* d = std::get_if<double>(&v)) return cpp_number(*d);
    return "std::string(" + cpp_text(std::get<std::string>(v)) + ")";
}

std::string cpp_code(const scalar_item& s) {
    const std::string start =
        std::to_string(s.id) + "u, " + cpp_text(s.name) + ", " + cpp_text(s.description) + ", ";
    const std::string dtype = cpp_text(s.dtype);
    switch (s.from) {
        case scalar_item::source::counter:
            return "gr::spead2::counter_item(" + start + std::to_string(s.start) + "u, " +
                   std::to_string(s.step) + ", " + dtype + ")";
        case scalar_item::source::constant:
            return "gr::spead2::constant_item(" + start + cpp_value(*s.value) + ", " + dtype + ")";
        case scalar_item::source::tag:
            break;
    }
    return "gr::spead2::tag_item(" + start + cpp_text(s.key) + ", {" + dtype + ", " +
           (s.sticky ? "true" : "false") + ", " + std::to_string(s.port) + ", " +
           cpp_number(s.tick_rate) + ", " + cpp_number(s.tag_step) + ", " +
           (s.value ? cpp_value(*s.value) : "{}") + "})";
}

void bind_items(py::module_& m) {
    py::class_<item>(m, "Item")
        .def(py::init([](std::uint64_t id, std::string name, std::string description,
                         std::string dtype, std::vector<std::int64_t> shape) {
                 item i{id, std::move(name), std::move(description), std::move(dtype),
                        std::move(shape)};
                 static_cast<void>(item_size(i));
                 return i;
             }),
             py::arg("id"), py::arg("name"), py::arg("description"), py::arg("dtype"),
             py::arg("shape") = std::vector<std::int64_t>())
        .def_readonly("id", &item::id)
        .def_readonly("name", &item::name)
        .def_readonly("description", &item::description)
        .def_readonly("dtype", &item::dtype)
        .def_readonly("shape", &item::shape)
        .def_property_readonly("size", &item_size)
        .def("__repr__", [](const py::object& self) {
            return py::str("item(id={:#x}, name={!r}, description={!r}, dtype={!r}, shape={!r})")
                .format(self.attr("id"), self.attr("name"), self.attr("description"),
                        self.attr("dtype"), py::tuple(self.attr("shape")));
        });

    py::class_<scalar_item>(m, "ScalarItem")
        .def_readonly("id", &scalar_item::id)
        .def_readonly("name", &scalar_item::name)
        .def_readonly("description", &scalar_item::description)
        .def_readonly("dtype", &scalar_item::dtype)
        .def("cpp_code", &cpp_code, "C++ that makes the same item.")
        .def("__repr__", [](const scalar_item& s) {
            const char* const from = s.from == scalar_item::source::tag       ? "tag"
                                     : s.from == scalar_item::source::counter ? "counter"
                                                                              : "constant";
            return py::str("{}_item(id={:#x}, name={!r}, description={!r}, dtype={!r})")
                .format(from, s.id, s.name, s.description, s.dtype);
        });

    m.def(
        "tag_item",
        [](std::uint64_t id, const std::string& name, const std::string& description,
           const std::string& key, std::string dtype, bool sticky, int port, double rate,
           double step, std::optional<scalar_value> initial) {
            return tag_item(id, name, description, key,
                            {std::move(dtype), sticky, port, rate, step, std::move(initial)});
        },
        py::arg("id"), py::arg("name"), py::arg("description"), py::arg("key"), py::arg("dtype"),
        py::arg("sticky"), py::arg("port"), py::arg("rate"), py::arg("step"), py::arg("initial"));
    m.def("counter_item", &counter_item, py::arg("id"), py::arg("name"), py::arg("description"),
          py::arg("start"), py::arg("step"), py::arg("dtype"));
    m.def("constant_item", &constant_item, py::arg("id"), py::arg("name"), py::arg("description"),
          py::arg("value"), py::arg("dtype"));
}

bad_tag_action to_bad_tag_action(const std::string& s) {
    if (s == "error") return bad_tag_action::error;
    if (s == "resync") return bad_tag_action::resync;
    throw std::invalid_argument("on_bad_tag is '" + s + "'; use 'error' or 'resync'");
}

send_error_action to_send_error_action(const std::string& s) {
    if (s == "count") return send_error_action::count;
    if (s == "error") return send_error_action::error;
    throw std::invalid_argument("on_send_error is '" + s + "'; use 'count' or 'error'");
}

substream_rule to_substream_rule(const std::variant<int, std::string>& v) {
    return std::visit([](const auto& x) { return substream_rule(x); }, v);
}

void bind_options(py::module_& m) {
    using rule = std::variant<int, std::string>;
    py::class_<heap_sink_options>(m, "HeapSinkOptions")
        .def(py::init([](std::string length_tag, std::uint64_t samples_per_heap,
                         bool variable_length, std::vector<scalar_item> scalars,
                         std::uint64_t descriptor_interval, const rule& substream,
                         const std::string& on_bad_tag, const std::string& on_send_error,
                         bool send_start, bool send_end, const ::spead2::flavour& flavour) {
                 return heap_sink_options{std::move(length_tag),
                                          samples_per_heap,
                                          variable_length,
                                          std::move(scalars),
                                          descriptor_interval,
                                          to_substream_rule(substream),
                                          to_bad_tag_action(on_bad_tag),
                                          to_send_error_action(on_send_error),
                                          send_start,
                                          send_end,
                                          flavour};
             }),
             py::kw_only(), py::arg("length_tag"), py::arg("samples_per_heap"),
             py::arg("variable_length"), py::arg("scalars"), py::arg("descriptor_interval"),
             py::arg("substream"), py::arg("on_bad_tag"), py::arg("on_send_error"),
             py::arg("send_start"), py::arg("send_end"), py::arg("flavour"));
    py::class_<pdu_heap_sink_options>(m, "PduHeapSinkOptions")
        .def(py::init([](bool variable_length, std::vector<scalar_item> scalars,
                         std::uint64_t descriptor_interval, const rule& substream,
                         const std::string& on_send_error, bool send_start, bool send_end,
                         const ::spead2::flavour& flavour) {
                 return pdu_heap_sink_options{variable_length,
                                              std::move(scalars),
                                              descriptor_interval,
                                              to_substream_rule(substream),
                                              to_send_error_action(on_send_error),
                                              send_start,
                                              send_end,
                                              flavour};
             }),
             py::kw_only(), py::arg("variable_length"), py::arg("scalars"),
             py::arg("descriptor_interval"), py::arg("substream"), py::arg("on_send_error"),
             py::arg("send_start"), py::arg("send_end"), py::arg("flavour"));
    py::class_<udp_stream_options>(m, "UdpStreamOptions")
        .def(py::init([](std::size_t max_packet_size, double rate, std::optional<int> ttl,
                         std::string interface_address, std::size_t buffer_size,
                         std::size_t max_heaps) {
                 return udp_stream_options{
                     max_packet_size, rate,     ttl, std::move(interface_address),
                     buffer_size,     max_heaps};
             }),
             py::kw_only(), py::arg("max_packet_size"), py::arg("rate"), py::arg("ttl"),
             py::arg("interface_address"), py::arg("buffer_size"), py::arg("max_heaps"));
    py::class_<tcp_stream_options>(m, "TcpStreamOptions")
        .def(py::init([](std::size_t max_packet_size, double rate, std::string interface_address,
                         std::size_t buffer_size, std::size_t max_heaps) {
                 return tcp_stream_options{max_packet_size, rate, std::move(interface_address),
                                           buffer_size, max_heaps};
             }),
             py::kw_only(), py::arg("max_packet_size"), py::arg("rate"),
             py::arg("interface_address"), py::arg("buffer_size"), py::arg("max_heaps"));
    py::class_<ibv_stream_options>(m, "IbvStreamOptions")
        .def(py::init([](std::size_t max_packet_size, double rate, int ttl, std::size_t buffer_size,
                         int comp_vector, int max_poll, std::size_t max_heaps) {
                 return ibv_stream_options{max_packet_size, rate,     ttl,      buffer_size,
                                           comp_vector,     max_poll, max_heaps};
             }),
             py::kw_only(), py::arg("max_packet_size"), py::arg("rate"), py::arg("ttl"),
             py::arg("buffer_size"), py::arg("comp_vector"), py::arg("max_poll"),
             py::arg("max_heaps"));
}

/// What heap_sink and pdu_heap_sink have in common. Members of a virtual base need the lambdas.
template <typename Sink>
void bind_sink(py::module_& m, const char* name) {
    py::class_<Sink, gr::block, gr::basic_block, std::shared_ptr<Sink>>(m, name)
        .def(
            "heaps_sent", [](const Sink& s) { return s.heaps_sent(); },
            "Heaps sent whole, start and end heaps not counted.")
        .def(
            "bytes_sent", [](const Sink& s) { return s.bytes_sent(); },
            "Bytes of packets of all heaps.")
        .def(
            "heaps_failed", [](const Sink& s) { return s.heaps_failed(); },
            "Heaps of which something could not be sent.")
        .def(
            "samples_dropped", [](const Sink& s) { return s.samples_dropped(); },
            "Samples (items of one port) that belonged to no heap, or to an unfinished one.")
        .def(
            "bad_tags", [](const Sink& s) { return s.bad_tags(); },
            "Tags (messages) that made no heap, and values that a scalar item could not take.")
        .def(
            "error", [](const Sink& s) { return s.error(); },
            "Why the block stopped the flowgraph; empty if it did not.")
        .def("set_rate", &Sink::set_rate, py::arg("bytes_per_second"),
             "Rate of heaps from now on, bytes of packets per second; 0: as fast as possible.")
        .def(
            "set_descriptor_interval",
            [](Sink& s, std::int64_t heaps) {
                if (heaps < 0)
                    throw std::invalid_argument("descriptor_interval is " + std::to_string(heaps) +
                                                ", but must be at least 0 heaps");
                s.set_descriptor_interval(static_cast<std::uint64_t>(heaps));
            },
            py::arg("heaps"), "Send descriptors again every so many heaps; 0: never.")
        .def("descriptor_interval", &Sink::descriptor_interval,
             "Heaps from one sending of the descriptors to the next; 0: only once.");
}

}  // namespace
}  // namespace gr::spead2

PYBIND11_MODULE(spead2_python, m) {
    using namespace gr::spead2;
    py::register_local_exception_translator(translate);
    py::register_local_exception<::spead2::resolve_error>(m, "ResolveError", PyExc_RuntimeError);

    bind_items(m);
    bind_options(m);
    bind_sink<heap_sink>(m, "HeapSink");
    bind_sink<pdu_heap_sink>(m, "PduHeapSink");

    // Streams may look up names and connect, and their destruction waits.
    using release = py::call_guard<py::gil_scoped_release>;
    m.def("heap_sink", &heap_sink::make, release(), py::arg("stream"), py::arg("items"),
          py::arg("options"));
    m.def("udp_heap_sink", &udp_heap_sink::make, release(), py::arg("endpoints"), py::arg("items"),
          py::arg("options"), py::arg("stream_options"));
    m.def("tcp_heap_sink", &tcp_heap_sink::make, release(), py::arg("endpoints"), py::arg("items"),
          py::arg("options"), py::arg("stream_options"));
    m.def("ibv_heap_sink", &ibv_heap_sink::make, release(), py::arg("endpoints"),
          py::arg("interface_address"), py::arg("items"), py::arg("options"),
          py::arg("stream_options"));
    m.def("pdu_heap_sink", &pdu_heap_sink::make, release(), py::arg("stream"), py::arg("item"),
          py::arg("options"));
    m.def("udp_pdu_heap_sink", &udp_pdu_heap_sink::make, release(), py::arg("endpoints"),
          py::arg("item"), py::arg("options"), py::arg("stream_options"));
    ::spead2::python::call_guard::guard_all(m);
}
