// SPDX-License-Identifier: Apache-2.0
// add_udp_reader() and add_tcp_reader(): which of their forms is meant, and what is wrong with it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>

#include <spead2/net/endpoint.h>
#include <spead2/wire/limits.h>

#include "ibv_environment.h"
#include "reader_arguments.h"
#include "reader_method.h"

namespace spead2::python {
namespace {

using recv::stream;
using recv::tcp_reader_options;
using recv::udp_reader_options;

/// The descriptor of a socket.socket, as long as that is open.
int to_socket(const py::object& object, const char* name) {
    if (!is_socket(object.ptr())) {
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

std::uint16_t to_port(const py::object& object) {
    const auto port = to_integer<std::uint64_t>(object, "port");
    if (port > max_port)
        throw py::type_error("port is " + std::to_string(port) + ", but must be from 0 to " +
                             std::to_string(max_port));
    return static_cast<std::uint16_t>(port);
}

endpoint resolve_here(const std::string& host, std::uint16_t port) {
    const gil_release released;
    return endpoint::resolve(host, port);
}

/// Address and port to receive at, by "bind_hostname" and "port".
endpoint take_local_endpoint(reader_arguments& arguments) {
    const std::uint16_t port = to_port(arguments.take("port"));
    const py::object host = arguments.take("bind_hostname");
    const std::string name = host ? to_str(host.ptr(), "bind_hostname") : "";
    return resolve_here(name.empty() ? "0.0.0.0" : name, port);
}

// ---- UDP

void add_udp_or_ibv(stream& s, const udp_reader_options& options) {
    if (const auto instead = ibv_in_place_of(options))
        add_reader<recv::udp_ibv_reader>(s, *instead);
    else
        add_reader<recv::udp_reader>(s, options);
}

bool same_host(const endpoint& a, const endpoint& b) {
    endpoint other = b;
    other.set_port(a.port());
    return a.to_string() == other.to_string();
}

/// Check the group to join of IPv4, and the interface.
void check_ipv4_group(udp_reader_options& options, const std::string& group) {
    if (options.address.family() != AF_INET)
        throw py::value_error("endpoint is not an IPv4 address: multicast_group is " + group);
    const std::string given =
        options.interface_address.empty() ? "0.0.0.0" : options.interface_address;
    const endpoint interface = resolve_here(given, 0);
    if (interface.family() != AF_INET)
        throw py::value_error("interface address is not an IPv4 address: interface_address is " +
                              given);
    if (!options.address.is_multicast() && !same_host(options.address, interface))
        throw py::value_error(
            "endpoint is not multicast and does not match interface address: "
            "multicast_group is " +
            group + ", interface_address is " + given);
    const auto& address = *reinterpret_cast<const sockaddr_in*>(interface.address());
    options.interface_address = address.sin_addr.s_addr != htonl(INADDR_ANY) ? given : "";
}

void add_udp_multicast(stream& s, reader_arguments& arguments) {
    // By its place, the interface is known by its type.
    const py::object interface = arguments.at(4);
    const bool by_index = interface && PyUnicode_Check(interface.ptr()) == 0;
    arguments.name_places(2, {"multicast_group", "port", "max_size", "buffer_size",
                              by_index ? "interface_index" : "interface_address"});
    if (arguments.given("interface_index") && arguments.given("interface_address"))
        throw py::type_error("interface_index and interface_address cannot both be given");
    const bool v6 = arguments.given("interface_index");
    const std::string group = to_str(arguments.take("multicast_group").ptr(), "multicast_group");
    const std::uint16_t port = to_port(arguments.take("port"));
    udp_reader_options options;
    arguments.set_options(options);
    options.address = resolve_here(group, port);
    if (!v6)
        check_ipv4_group(options, group);
    else if (options.address.family() != AF_INET6 || !options.address.is_multicast())
        throw py::value_error("endpoint is not an IPv6 multicast address: multicast_group is " +
                              group);
    add_udp_or_ibv(s, options);
}

void add_udp(stream& s, const py::args& args, const py::kwargs& keywords) {
    reader_arguments arguments("add_udp_reader", args, keywords);
    udp_reader_options options;
    if (arguments.begins_with("socket", is_socket)) {
        // As it is: other options would have no effect.
        arguments.name_places(1, {"socket", "max_size"});
        options.socket = check_socket(arguments.take("socket"), "socket", SOCK_DGRAM, "UDP");
        if (const py::object size = arguments.take("max_size"))
            static_cast<void>(set_option(options, "max_size", size));
        arguments.finish();
    } else if (arguments.begins_with("multicast_group",
                                     [](PyObject* o) { return PyUnicode_Check(o) != 0; })) {
        return add_udp_multicast(s, arguments);
    } else {
        arguments.name_places(1, {"port", "max_size", "buffer_size", "bind_hostname"});
        options.address = take_local_endpoint(arguments);
        arguments.set_options(options);
    }
    add_udp_or_ibv(s, options);
}

// ---- TCP

void add_tcp(stream& s, const py::args& args, const py::kwargs& keywords) {
    reader_arguments arguments("add_tcp_reader", args, keywords);
    tcp_reader_options options;
    if (arguments.begins_with("acceptor", is_socket)) {
        arguments.name_places(1, {"acceptor", "max_size"});
        options.acceptor = check_socket(arguments.take("acceptor"), "acceptor", SOCK_STREAM, "TCP");
        if (const py::object size = arguments.take("max_size"))
            static_cast<void>(set_option(options, "max_size", size));
        arguments.finish();
    } else {
        arguments.name_places(1, {"port", "max_size", "buffer_size", "bind_hostname"});
        options.address = take_local_endpoint(arguments);
        arguments.set_options(options);
    }
    add_reader<recv::tcp_reader>(s, options);
}

}  // namespace

// ---- Methods

template <>
void bind_reader<recv::udp_reader>(const py::module_& m, bound_stream& bound) {
    constexpr const recv::reader_info& info = recv::udp_reader::info;
    const std::vector<option_row> rows = option_rows<udp_reader_options>();
    const std::string doc = std::string(info.text) + R"(

There are four forms::

    add_udp_reader(port, max_size=..., buffer_size=..., bind_hostname="")
    add_udp_reader(socket, max_size=...)
    add_udp_reader(multicast_group, port, max_size=..., buffer_size=..., interface_address=...)
    add_udp_reader(multicast_group, port, max_size=..., buffer_size=..., interface_index=...)
)" + parameters_section(rows, R"(port : int
    0 is the kernel's choice.
bind_hostname : str
    Address to receive at, maybe a multicast group; empty: all of IPv4.
socket : socket.socket
    A bound UDP socket to use as it is; it may be closed afterwards.
multicast_group : str
    Group to join, of IPv4 with `interface_address`, of IPv6 with `interface_index`.
)") + R"(
Raises
------
ValueError
    If the addresses do not fit each other.
RuntimeError
    If a host is not found, or after :meth:`start` with `explicit_start`.
OSError
    If the operating system refuses (RuntimeError, too).

Notes
-----
If `SPEAD2_IBV_INTERFACE` in the environment of the process is the address of an interface, IPv4 is
received through ibverbs there, unless `interface_address` is given: see :meth:`add_udp_ibv_reader`.
`SPEAD2_IBV_COMP_VECTOR` is the interrupt to use.
)";
    read_ibv_environment();
    bound.def(info.method, &add_udp, doc.c_str());
    publish_options(m, info.method, rows);
    bound.attr("DEFAULT_UDP_MAX_SIZE") = udp_reader_options::default_max_size;
    bound.attr("DEFAULT_UDP_BUFFER_SIZE") = udp_reader_options::default_buffer_size;
}

template <>
void bind_reader<recv::tcp_reader>(const py::module_& m, bound_stream& bound) {
    constexpr const recv::reader_info& info = recv::tcp_reader::info;
    const std::vector<option_row> rows = option_rows<tcp_reader_options>();
    const std::string doc = std::string(info.text) + R"(

There are two forms::

    add_tcp_reader(port, max_size=..., buffer_size=..., bind_hostname="")
    add_tcp_reader(acceptor, max_size=...)

The reader ends with the connection.
)" + parameters_section(rows, R"(port : int
bind_hostname : str
    Address to listen at; empty: all of IPv4.
acceptor : socket.socket
    A listening socket to use; it may be closed afterwards.
)") + R"(
Raises
------
ValueError
    If `max_size` is 0.
RuntimeError
    If the host is not found, or after :meth:`start` with `explicit_start`.
OSError
    If the operating system refuses (RuntimeError, too).
)";
    bound.def(info.method, &add_tcp, doc.c_str());
    publish_options(m, info.method, rows);
    bound.attr("DEFAULT_TCP_MAX_SIZE") = tcp_reader_options::default_max_size;
    bound.attr("DEFAULT_TCP_BUFFER_SIZE") = tcp_reader_options::default_buffer_size;
}

}  // namespace spead2::python
