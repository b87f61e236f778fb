// SPDX-License-Identifier: Apache-2.0
// What all receiving streams have: the readers of the table, start, stop, statistics.
#include <spead2/recv/stream.h>

#include <memory>
#include <string>

#include <spead2/base/errors.h>

#include "bound_types.h"
#include "reader_method.h"

namespace spead2::python {
namespace {

/// A row of the dict READERS, from which stubs and the faces above the package are made.
template <typename Reader>
[[nodiscard]] py::object row_of() {
    constexpr const recv::reader_info& info = Reader::info;
    py::list arguments;
    if constexpr (requires { Reader::options_type::arguments(); })
        arguments = show_rows(argument_rows<typename Reader::options_type>());
    using namespace py::literals;
    return py::module_::import("types").attr("SimpleNamespace")(
        "method"_a = info.method, "label"_a = info.label, "text"_a = info.text,
        "arguments"_a = arguments);
}

}  // namespace

void register_recv_stream(py::module_& m) {
    using recv::stream;
    bound_stream bound(m, "_Stream", "What all streams have. Any number of threads may use one.");
    py::dict rows;
    recv::for_each_reader([&]<typename Reader>(Reader*) {
        bind_reader<Reader>(m, bound);
        rows[Reader::info.name] = row_of<Reader>();
    });
    m.attr("READERS") = rows;
    bound
        .def(
            "start",
            [](stream& s) {
                try {
                    const gil_release released;
                    s.start();
                } catch (const socket_setup_error&) {
                    throw;
                } catch (const std::system_error& e) {
                    throw socket_setup_error(e.code(), e.what());
                }
            },
            R"(With `explicit_start`: let packets flow. Harmless otherwise, and when repeated.

Raises
------
OSError
    If the operating system refuses (RuntimeError, too). May be called again then.
)")
        .def(
            "stop",
            [](stream& s) {
                const gil_release released;
                s.stop();
            },
            R"(End the stream: close its readers, deliver nothing more. Harmless when repeated.

What was received can still be taken.
)")
        .def_property_readonly("stats", &stream::stats,
                               "StreamStats at the end of the last batch; new at each access.")
        .def_property_readonly(
            "config", [](const stream& s) { return recv::stream_config(s.config()); },
            "Copy of the configuration.")
        .def_property_readonly(
            "stop_reason",
            [](const stream& s) {
                const gil_release released;  // a worker may have the lock
                return s.stop_reason();
            },
            "Error of a reader that made the stream end; empty otherwise.");
    set_module(bound, "spead2.recv");
}

}  // namespace spead2::python
