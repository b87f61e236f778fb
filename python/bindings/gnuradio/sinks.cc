// SPDX-License-Identifier: GPL-3.0-or-later
// HeapSink and PduHeapSink, and the functions that make them.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <gnuradio/block.h>
#include <gnuradio/spead2/heap_sink.h>
#include <gnuradio/spead2/pdu_heap_sink.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "bindings.h"

namespace py = pybind11;

namespace gr::spead2 {
namespace {

/// Members of a virtual base need the lambdas.
template <typename Sink>
void bind_sink(py::module_& m, const char* name, const char* doc) {
    py::class_<Sink, gr::block, gr::basic_block, std::shared_ptr<Sink>>(m, name, doc)
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
            "restarts", [](const Sink& s) { return s.restarts(); },
            "Places where the input was new; see the option restart_tag.")
        .def(
            "samples_padded", [](const Sink& s) { return s.samples_padded(); },
            "Samples that were made up to fill heaps; see the option on_restart.")
        .def(
            "queue_length", [](const Sink& s) { return s.queue_length(); },
            "Heaps that are queued and not yet sent.")
        .def(
            "held_back", [](const Sink& s) { return s.held_back(); },
            "Seconds that the block waited for its stream while there was input.")
        .def(
            "last_error", [](const Sink& s) { return s.last_error(); },
            "The last thing that went wrong; empty: nothing yet.")
        .def(
            "error", [](const Sink& s) { return s.error(); },
            "Why the block stopped the flowgraph; empty if it did not.")
        .def(
            "set_rate", [](Sink& s, double rate) { s.set_rate(rate); }, py::arg("bytes_per_second"),
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
        .def(
            "descriptor_interval", [](const Sink& s) { return s.descriptor_interval(); },
            "Heaps from one sending of the descriptors to the next; 0: only once.")
        .def(
            "set_descriptor_seconds", [](Sink& s, double t) { s.set_descriptor_seconds(t); },
            py::arg("seconds"), "Send descriptors again after so many seconds; 0: not by time.")
        .def(
            "descriptor_seconds", [](const Sink& s) { return s.descriptor_seconds(); },
            "Seconds from one sending of the descriptors to the next; 0: not by time.")
        .def(
            "set_destination",
            [](Sink& s, const std::string& host, int port, std::size_t substream) {
                s.set_destination(host, port, substream);
            },
            py::arg("host"), py::arg("port"), py::arg("substream") = 0,
            py::call_guard<py::gil_scoped_release>(),
            "Send there from the next heap on, with the descriptors again; heaps that are queued "
            "go "
            "where they were to go. For UDP streams.")
        .def("__repr__", [name = std::string(name)](const Sink& s) {
            return "<gnuradio.spead2." + name + " on " + s.stream()->describe() + ": " +
                   std::to_string(s.heaps_sent()) + " heaps sent, " +
                   std::to_string(s.heaps_failed()) + " failed, " +
                   std::to_string(s.samples_dropped()) + " samples dropped>";
        });
}

}  // namespace

void bind_sinks(py::module_& m) {
    bind_sink<heap_sink>(
        m, "HeapSink",
        "A block that sends tagged packets of samples as heaps; heap_sink() makes it.");
    bind_sink<pdu_heap_sink>(m, "PduHeapSink",
                             "A block that sends each PDU as a heap; pdu_heap_sink() makes it.");
    m.attr("QUEUE_HEAPS") = queue_heaps;
    // A sink may be the last to hold a stream, whose destruction waits.
    using release = py::call_guard<py::gil_scoped_release>;
    m.def("heap_sink", &heap_sink::make, release(), py::arg("stream"), py::arg("items"),
          py::arg("options"));
    m.def("pdu_heap_sink", &pdu_heap_sink::make, release(), py::arg("stream"), py::arg("item"),
          py::arg("options"));
}

}  // namespace gr::spead2
