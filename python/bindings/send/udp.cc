// SPDX-License-Identifier: Apache-2.0
// UdpStream.
#include <memory>

#include "network.h"
#include "transport_class.h"

namespace spead2::python {
namespace {

[[nodiscard]] std::unique_ptr<udp_transport> to_transport(const network_arguments& arguments) {
    if (arguments.given("interface_index") && !arguments.given("ttl"))
        throw py::type_error("interface_index can only be given with ttl");
    if (arguments.given("interface_index") && arguments.given("interface_address"))
        throw py::type_error("interface_index and interface_address cannot both be given");
    auto options = arguments.make_options<udp_options>();
    const gil_release released;
    options.endpoints = resolve_all(arguments.endpoints);
    return std::make_unique<udp_transport>(options);
}

template <typename Base>
void bind_udp_stream(const stream_modules& modules) {
    const std::vector<option_row> rows = option_rows<udp_options>();
    const std::string doc = std::string(udp_transport::info.text) +
                            R"(

What is given decides what it does::

    UdpStream(thread_pool, endpoints, config, buffer_size, interface_address='')
    UdpStream(thread_pool, endpoints, config, buffer_size, ttl)
    UdpStream(thread_pool, endpoints, config, buffer_size, ttl, interface_address)
    UdpStream(thread_pool, endpoints, config, buffer_size, ttl, interface_index)
    UdpStream(thread_pool, endpoints, config, buffer_size, socket)
    UdpStream(thread_pool, socket, endpoints, config)

In place of `endpoints` there may be `hostname` and `port` of a single one. `thread_pool`,
`endpoints` (an iterable of pairs of a host name or address and a port), `config` (a
:class:`StreamConfig`) and `socket` (a UDP socket to use as it is; it may be closed afterwards) may be
given by name, and so may the options below.
)" + parameters_section(rows) +
                            R"(
Raises
------
ValueError
    If `endpoints` is empty, of mixed families, or not multicast where that is asked for; or a
    number is out of range.
RuntimeError
    If a host is not found ("Host not found").
OSError
    If the operating system refuses.
)";
    auto bound = bind_stream<Base, udp_transport>(modules, doc);
    publish_options(modules.engine, "UdpStream", rows);
    bound.def(py::init([](const py::args& args, const py::kwargs& keywords) {
        network_arguments arguments = sort_network_arguments("UdpStream", args, keywords);
        if (!arguments.has_endpoints)
            throw py::type_error("UdpStream() is missing the argument 'endpoints'");
        auto carrier = to_transport(arguments);
        return make_stream<Base>(arguments.pool, arguments.config, std::move(carrier));
    }));
    bound.attr("DEFAULT_BUFFER_SIZE") = udp_options::default_buffer_size;
}

}  // namespace

template <>
void bind_transport<udp_transport>(const stream_modules& modules) {
    bind_udp_stream<blocking_stream>(modules);
    bind_udp_stream<asyncio_stream>(modules);
}

}  // namespace spead2::python
