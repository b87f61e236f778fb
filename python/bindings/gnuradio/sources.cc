// SPDX-License-Identifier: GPL-3.0-or-later
// HeapSource and PduHeapSource, and the functions that make them and their streams.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <gnuradio/block.h>
#include <gnuradio/spead2/heap_source.h>
#include <gnuradio/spead2/pdu_heap_source.h>

#include <cstdint>
#include <string>
#include <utility>

#include "bindings.h"

namespace py = pybind11;

namespace gr::spead2 {
namespace {

/// Members of a virtual base need the lambdas.
template <typename Source>
void bind_source(py::module_& m, const char* name, const char* doc) {
    py::class_<Source, gr::block, gr::basic_block, std::shared_ptr<Source>> bound(m, name, doc);
    const auto count = [&](const char* method, std::uint64_t (source::*member)() const,
                           const char* text) {
        bound.def(
            method, [member](const Source& s) { return (s.*member)(); }, text);
    };
    count("heaps_received", &source::heaps_received,
          "Heaps whose samples went into the flowgraph.");
    count("bytes_received", &source::bytes_received, "Bytes of their samples.");
    count("heaps_lost", &source::heaps_lost,
          "Heaps that did not come, came incomplete or too late, as far as cnts tell.");
    count("samples_lost", &source::samples_lost, "Samples (items of one port) that did not come.");
    count("samples_filled", &source::samples_filled, "Those of them whose place was filled.");
    count("heaps_late", &source::heaps_late,
          "Heaps that came after their place was given up, or twice.");
    count("bad_heaps", &source::bad_heaps, "Heaps that were not what the source is for.");
    count("heaps_undescribed", &source::heaps_undescribed,
          "Heaps that came before their descriptors, and were dropped.");
    count("restarts", &source::restarts, "Times that the sender began anew.");
    count("queue_length", &source::queue_length, "Heaps that wait to be taken.");
    count("pauses", &source::pauses,
          "Times that the stream had to pause because the flowgraph took no heaps.");
    bound
        .def(
            "last_error", [](const Source& s) { return s.last_error(); },
            "The last thing that went wrong; empty: nothing yet.")
        .def(
            "error", [](const Source& s) { return s.error(); },
            "Why the block stopped the flowgraph; empty if it did not.")
        .def("__repr__", [name = std::string(name)](const Source& s) {
            return "<gnuradio.spead2." + name + ": " + std::to_string(s.heaps_received()) +
                   " heaps received, " + std::to_string(s.heaps_lost()) + " lost, " +
                   std::to_string(s.bad_heaps()) + " bad>";
        });
}

}  // namespace

void bind_sources(py::module_& m) {
    bind_source<heap_source>(
        m, "HeapSource",
        "A block that receives heaps and puts out their samples; heap_source() makes it.");
    bind_source<pdu_heap_source>(
        m, "PduHeapSource",
        "A block that receives heaps and publishes each as a PDU; pdu_heap_source() makes it.");
    m.attr("RING_HEAPS") = ring_heaps;
    // Sockets are opened; a source may be the last to hold a stream, whose destruction waits.
    using release = py::call_guard<py::gil_scoped_release>;
    m.def("heap_source", &heap_source::make, release(), py::arg("stream"), py::arg("items"),
          py::arg("options"));
    m.def("pdu_heap_source", &pdu_heap_source::make, release(), py::arg("stream"), py::arg("item"),
          py::arg("options"));
    m.def(
        "udp_receiver",
        [](const std::string& host, int port, const engine::recv::stream_config& config,
           const engine::recv::ring_stream_config& ring, std::size_t max_size,
           std::size_t buffer_size, std::string interface_address) {
            engine::recv::udp_reader_options options;
            options.max_size = max_size;
            options.buffer_size = buffer_size;
            options.interface_address = std::move(interface_address);
            return udp_receiver(host, port, std::move(options), config, ring);
        },
        release(), py::arg("host"), py::arg("port"), py::arg("config"), py::arg("ring_config"),
        py::arg("max_size"), py::arg("buffer_size"), py::arg("interface_address"));
    m.def(
        "tcp_receiver",
        [](const std::string& host, int port, const engine::recv::stream_config& config,
           const engine::recv::ring_stream_config& ring, std::size_t max_size,
           std::size_t buffer_size) {
            engine::recv::tcp_reader_options options;
            options.max_size = max_size;
            options.buffer_size = buffer_size;
            return tcp_receiver(host, port, std::move(options), config, ring);
        },
        release(), py::arg("host"), py::arg("port"), py::arg("config"), py::arg("ring_config"),
        py::arg("max_size"), py::arg("buffer_size"));
}

}  // namespace gr::spead2
