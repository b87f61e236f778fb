// SPDX-License-Identifier: Apache-2.0
// UdpStream.
#include <spead2/send/transports/udp.h>

#include <memory>

#include "bindings.h"
#include "network.h"
#include "stream.h"

namespace spead2::python {
namespace {

std::unique_ptr<udp_transport> make_transport(const network_arguments& arguments) {
    udp_options options;
    if (arguments.buffer_size) options.buffer_size = *arguments.buffer_size;
    options.ttl = arguments.ttl;
    options.interface_address = arguments.interface_address.value_or("");
    options.interface_index = arguments.interface_index;
    options.socket = arguments.socket;
    const gil_release released;
    options.endpoints = resolve_all(arguments.endpoints);
    return std::make_unique<udp_transport>(options);
}

template <typename Base>
void bind(py::module_& m) {
    auto bound = bind_stream<Base, udp_transport>(
        m, "UdpStream",
        R"(Stream over UDP, unicast or multicast, IPv4 or IPv6. One substream an endpoint.

What is given decides what it does::

    UdpStream(thread_pool, endpoints, config, buffer_size, interface_address='')
    UdpStream(thread_pool, endpoints, config, buffer_size, ttl)
    UdpStream(thread_pool, endpoints, config, buffer_size, ttl, interface_address)
    UdpStream(thread_pool, endpoints, config, buffer_size, ttl, interface_index)
    UdpStream(thread_pool, endpoints, config, buffer_size, socket)
    UdpStream(thread_pool, socket, endpoints, config)

In place of `endpoints` there may be `hostname` and `port` of a single one.

Parameters
----------
thread_pool : ThreadPool
endpoints : list of tuple[str, int]
    Host names or addresses, and ports.
config : StreamConfig
buffer_size : int
    Bytes of socket buffer; 0: the system's. A warning is logged if it cannot be had.
ttl : int
    Hops that multicast packets may make, 0 to 255.
interface_address : str
    The interface by its name ("eth0") or by an address of it: where the address to send from is
    taken from; with `ttl` the interface for multicast.
interface_index : int
    Number of the interface for multicast (IPv6).
socket : socket.socket
    UDP socket to use as it is; it may be closed afterwards.

Raises
------
ValueError
    If `endpoints` is empty, of mixed families, or not multicast where that is asked for; or a
    number is out of range.
RuntimeError
    If a host is not found ("Host not found").
OSError
    If the operating system refuses.
)");
    bound.def(py::init([](const py::args& args, const py::kwargs& keywords) {
        network_arguments arguments = sort_network_arguments("UdpStream", args, keywords);
        if (!arguments.has_endpoints)
            throw py::type_error("UdpStream() is missing the argument 'endpoints'");
        auto carrier = make_transport(arguments);
        return make_stream<Base>(arguments.pool, arguments.config, std::move(carrier));
    }));
    bound.attr("DEFAULT_BUFFER_SIZE") = udp_options::default_buffer_size;
}

}  // namespace

void register_udp(py::module_& m) {
    bind<blocking_stream>(m);
    bind<asyncio_stream>(m);
}

}  // namespace spead2::python
