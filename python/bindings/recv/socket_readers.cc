// SPDX-License-Identifier: Apache-2.0
// add_udp_reader() and add_tcp_reader(): which of their forms is meant, and what is wrong with it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

#include <spead2/base/errors.h>
#include <spead2/net/endpoint.h>
#include <spead2/recv/readers/tcp.h>
#include <spead2/recv/readers/udp.h>
#include <spead2/recv/stream.h>

#include "bindings.h"
#include "bound_types.h"
#include "support/arguments.h"

namespace spead2::python {
namespace {

using recv::stream;
using recv::tcp_reader_options;
using recv::udp_reader_options;

/// Add a reader without the GIL. What the operating system refuses is both an OSError and a
/// RuntimeError, for programs that look for either.
template <typename Reader, typename Options>
void add_socket_reader(stream& s, const Options& options) {
    try {
        const gil_release released;
        s.add_reader<Reader>(options);
    } catch (const socket_setup_error&) {
        throw;
    } catch (const std::system_error& e) {
        throw socket_setup_error(e.code(), e.what());
    }
}

/// The descriptor of a socket.socket, as long as that is open.
int to_socket(const py::object& object, const char* name) {
    static PyObject* const type =
        py::object(py::module_::import("socket").attr("socket")).release().ptr();
    const int matches = run_python<PyObject_IsInstance>(object.ptr(), type);
    if (matches < 0) throw py::error_already_set();
    if (matches == 0) {
        set_error(PyExc_TypeError, "%s must be a socket.socket, not %R", name, object.ptr());
        throw py::error_already_set();
    }
    const auto number = py::reinterpret_steal<py::object>(
        run_python<PyObject_CallMethodNoArgs>(object.ptr(), py::str("fileno").ptr()));
    if (!number) throw py::error_already_set();
    return number.cast<int>();
}

/// \throw TypeError unless the socket is open, of an internet family and of \a type
int check_socket(const py::object& object, const char* name, int type, const char* what) {
    const int fd = to_socket(object, name);
    int found = 0;
    int family = 0;
    socklen_t length = sizeof(int);
    if (fd < 0 || ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &found, &length) != 0 ||
        ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) != 0 || found != type ||
        (family != AF_INET && family != AF_INET6)) {
        set_error(PyExc_TypeError, "%s must be an open %s socket, not %R", name, what,
                  object.ptr());
        throw py::error_already_set();
    }
    return fd;
}

std::size_t to_size(const py::object& object, const char* name) {
    return to_integer<std::size_t>(object, name);
}

endpoint local_endpoint(const std::string& host, std::uint16_t port) {
    const gil_release released;
    return endpoint::resolve(host.empty() ? "0.0.0.0" : host, port);
}

// ---- UDP

void add_udp_port(stream& s, std::uint16_t port, const py::object& max_size,
                  const py::object& buffer_size, const std::string& bind_hostname) {
    udp_reader_options options;
    options.max_size = to_size(max_size, "max_size");
    options.buffer_size = to_size(buffer_size, "buffer_size");
    options.address = local_endpoint(bind_hostname, port);
    add_socket_reader<recv::udp_reader>(s, options);
}

void add_udp_socket(stream& s, const py::object& socket, const py::object& max_size) {
    udp_reader_options options;
    options.max_size = to_size(max_size, "max_size");
    options.socket = check_socket(socket, "socket", SOCK_DGRAM, "UDP");
    add_socket_reader<recv::udp_reader>(s, options);
}

endpoint resolve_group(const std::string& host, std::uint16_t port) {
    const gil_release released;
    return endpoint::resolve(host, port);
}

bool same_host(const endpoint& a, const endpoint& b) {
    endpoint other = b;
    other.set_port(a.port());
    return a.to_string() == other.to_string();
}

void add_udp_multicast_ipv4(stream& s, const std::string& group, std::uint16_t port,
                            const py::object& max_size, const py::object& buffer_size,
                            const std::string& interface_address) {
    udp_reader_options options;
    options.max_size = to_size(max_size, "max_size");
    options.buffer_size = to_size(buffer_size, "buffer_size");
    options.address = resolve_group(group, port);
    if (options.address.family() != AF_INET)
        throw py::value_error("endpoint is not an IPv4 address: multicast_group is " + group);
    const std::string given = interface_address.empty() ? "0.0.0.0" : interface_address;
    const endpoint interface = resolve_group(given, 0);
    if (interface.family() != AF_INET)
        throw py::value_error("interface address is not an IPv4 address: interface_address is " +
                              interface_address);
    if (!options.address.is_multicast() && !same_host(options.address, interface))
        throw py::value_error(
            "endpoint is not multicast and does not match interface address: "
            "multicast_group is " +
            group + ", interface_address is " + given);
    const auto& address = *reinterpret_cast<const sockaddr_in*>(interface.address());
    if (address.sin_addr.s_addr != htonl(INADDR_ANY)) options.interface_address = given;
    add_socket_reader<recv::udp_reader>(s, options);
}

void add_udp_multicast_ipv6(stream& s, const std::string& group, std::uint16_t port,
                            const py::object& max_size, const py::object& buffer_size,
                            const py::object& interface_index) {
    udp_reader_options options;
    options.max_size = to_size(max_size, "max_size");
    options.buffer_size = to_size(buffer_size, "buffer_size");
    options.address = resolve_group(group, port);
    if (options.address.family() != AF_INET6 || !options.address.is_multicast())
        throw py::value_error("endpoint is not an IPv6 multicast address: multicast_group is " +
                              group);
    const auto index = to_integer<std::uint64_t>(interface_index, "interface_index");
    if (index > UINT32_MAX)
        throw py::type_error("interface_index must be an integer of 32 bits, not " +
                             std::to_string(index));
    options.interface_index = static_cast<unsigned>(index);
    add_socket_reader<recv::udp_reader>(s, options);
}

// ---- TCP

void add_tcp_port(stream& s, std::uint16_t port, const py::object& max_size,
                  const py::object& buffer_size, const std::string& bind_hostname) {
    tcp_reader_options options;
    options.max_size = to_size(max_size, "max_size");
    options.buffer_size = to_size(buffer_size, "buffer_size");
    options.address = local_endpoint(bind_hostname, port);
    add_socket_reader<recv::tcp_reader>(s, options);
}

void add_tcp_socket(stream& s, const py::object& acceptor, const py::object& max_size) {
    tcp_reader_options options;
    options.max_size = to_size(max_size, "max_size");
    options.acceptor = check_socket(acceptor, "acceptor", SOCK_STREAM, "TCP");
    add_socket_reader<recv::tcp_reader>(s, options);
}

// ---- Methods

using stream_class = py::class_<stream, std::shared_ptr<stream>>;

void add_udp_readers(stream_class& bound) {
    bound.def("add_udp_reader", &add_udp_port, py::arg("port"),
              py::arg("max_size") = udp_reader_options::default_max_size,
              py::arg("buffer_size") = udp_reader_options::default_buffer_size,
              py::arg("bind_hostname") = "",
              R"(Receive packets by UDP.

There are four forms::

    add_udp_reader(port, max_size=..., buffer_size=..., bind_hostname="")
    add_udp_reader(socket, max_size=...)
    add_udp_reader(multicast_group, port, max_size=..., buffer_size=..., interface_address=...)
    add_udp_reader(multicast_group, port, max_size=..., buffer_size=..., interface_index=...)

Parameters
----------
port : int
    0 is the kernel's choice.
max_size : int
    Bytes of the largest packet; larger ones are dropped.
buffer_size : int
    Bytes of the socket's receive buffer; 0: the system's. A warning is logged if it cannot be had.
bind_hostname : str
    Address to receive at, maybe a multicast group; empty: all of IPv4.
socket : socket.socket
    A bound UDP socket to use as it is; it may be closed afterwards.
multicast_group : str
    Group to join, of IPv4 with `interface_address`, of IPv6 with `interface_index`.
interface_address : str
    Of the interface to join on; "0.0.0.0" or empty: the system's choice.
interface_index : int
    Of the interface to join on; 0: the system's choice.

Raises
------
ValueError
    If the addresses do not fit each other.
RuntimeError
    If a host is not found, or after :meth:`start` with `explicit_start`.
OSError
    If the operating system refuses (RuntimeError, too).
)");
    bound.def("add_udp_reader", &add_udp_multicast_ipv4, py::arg("multicast_group"),
              py::arg("port"), py::arg("max_size") = udp_reader_options::default_max_size,
              py::arg("buffer_size") = udp_reader_options::default_buffer_size,
              py::arg("interface_address") = "0.0.0.0");
    bound.def("add_udp_reader", &add_udp_multicast_ipv6, py::arg("multicast_group"),
              py::arg("port"), py::arg("max_size") = udp_reader_options::default_max_size,
              py::arg("buffer_size") = udp_reader_options::default_buffer_size,
              py::arg("interface_index") = 0);
    bound.def("add_udp_reader", &add_udp_socket, py::arg("socket"),
              py::arg("max_size") = udp_reader_options::default_max_size);
}

void add_tcp_readers(stream_class& bound) {
    bound.def("add_tcp_reader", &add_tcp_port, py::arg("port"),
              py::arg("max_size") = tcp_reader_options::default_max_size,
              py::arg("buffer_size") = tcp_reader_options::default_buffer_size,
              py::arg("bind_hostname") = "",
              R"(Receive packets over the first TCP connection that comes.

There are two forms::

    add_tcp_reader(port, max_size=..., buffer_size=..., bind_hostname="")
    add_tcp_reader(acceptor, max_size=...)

The reader ends with the connection.

Parameters
----------
port : int
max_size : int
    Bytes of the largest packet; larger ones are skipped.
buffer_size : int
    Bytes of the socket's receive buffer; 0: the system's. A warning is logged if it cannot be had.
bind_hostname : str
    Address to listen at; empty: all of IPv4.
acceptor : socket.socket
    A listening socket to use; it may be closed afterwards.

Raises
------
ValueError
    If `max_size` is 0.
RuntimeError
    If the host is not found, or after :meth:`start` with `explicit_start`.
OSError
    If the operating system refuses (RuntimeError, too).
)");
    bound.def("add_tcp_reader", &add_tcp_socket, py::arg("acceptor"),
              py::arg("max_size") = tcp_reader_options::default_max_size);
}

}  // namespace

void add_socket_readers(py::class_<recv::stream, std::shared_ptr<recv::stream>>& bound) {
    add_udp_readers(bound);
    add_tcp_readers(bound);
    bound.attr("DEFAULT_UDP_MAX_SIZE") = udp_reader_options::default_max_size;
    bound.attr("DEFAULT_UDP_BUFFER_SIZE") = udp_reader_options::default_buffer_size;
    bound.attr("DEFAULT_TCP_MAX_SIZE") = tcp_reader_options::default_max_size;
    bound.attr("DEFAULT_TCP_BUFFER_SIZE") = tcp_reader_options::default_buffer_size;
}

}  // namespace spead2::python
