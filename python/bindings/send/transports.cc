// SPDX-License-Identifier: Apache-2.0
// The table of transports as Python sees it: the modules streams and asyncio_streams with a class for
// each, and the dict TRANSPORTS, from which stubs and the faces above the package are made.
#include "bindings.h"
#include "transport_class.h"

namespace spead2::python {
namespace {

[[nodiscard]] py::module_ make_module(py::module_& m, const char* name, const char* doc) {
    py::module_ made = m.def_submodule(name, doc);
    made.attr("__all__") = py::list();
    return made;
}

template <typename Transport>
[[nodiscard]] py::object row_of() {
    constexpr const send::transport_info& info = Transport::info;
    py::list arguments;
    if constexpr (send::has_options<Transport>)
        arguments = show_rows(argument_rows<typename Transport::options_type>());
    using namespace py::literals;
    return py::module_::import("types").attr("SimpleNamespace")(
        "stream"_a = info.stream, "label"_a = info.label, "text"_a = info.text,
        "arguments"_a = arguments, "packet_size"_a = info.packet_size,
        "largest_packet"_a = info.largest_packet, "one_endpoint"_a = info.one_endpoint);
}

}  // namespace

void register_transports(py::module_& m) {
    const stream_modules modules{
        m, make_module(m, "streams", "The streams of spead2.send, one a transport."),
        make_module(m, "asyncio_streams", "Those of spead2.send.asyncio.")};
    py::dict rows;
    send::for_each_transport([&]<typename Transport>(Transport*) {
        bind_transport<Transport>(modules);
        rows[Transport::info.name] = row_of<Transport>();
    });
    m.attr("TRANSPORTS") = rows;
}

}  // namespace spead2::python
