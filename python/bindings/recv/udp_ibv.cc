// SPDX-License-Identifier: Apache-2.0
// UdpIbvConfig and the reader that is made from it.
#include <pybind11/stl.h>  // of endpoints

#include <string>

#include "reader_method.h"
#include "support/endpoints.h"
#include "support/options.h"
#include "udp_ibv_config.h"

namespace spead2::python {

using recv::udp_ibv_reader_options;

namespace {

void add_udp_ibv(recv::stream& s, const udp_ibv_reader_config& config) {
    add_reader<recv::udp_ibv_reader>(s, config.resolved());
}

void bind_udp_ibv_reader_config(const py::module_& m) {
    const std::string doc =
        "Where and how a stream receives through ibverbs. The arguments, keywords only, are "
        "attributes too.\n\n"
        "An attribute returns a copy: to change a list, assign a new one.\n" +
        parameters_section(option_rows<udp_ibv_reader_options>(),
                           R"(endpoints : iterable of tuple[str, int]
    IPv4 addresses and ports: multicast groups, or the address of the interface.
)") + R"(
Raises
------
ValueError
    If a number is out of range.
TypeError
    For an unknown argument or a value of the wrong type.
)";
    auto bound = py::class_<udp_ibv_reader_config>(m, "UdpIbvConfig", doc.c_str());
    bind_options<udp_ibv_reader_options>(
        m, bound, "UdpIbvConfig",
        [](udp_ibv_reader_config& c) -> udp_ibv_reader_options& { return c.plain; }, {"endpoints"});
    bound.def_property(
        "endpoints", [](const udp_ibv_reader_config& c) { return c.endpoints; },
        [](udp_ibv_reader_config& c, const py::object& endpoints) {
            c.endpoints = to_endpoints(endpoints);
        },
        "IPv4 addresses and ports: multicast groups, or the address of the interface.");
    bound.attr("DEFAULT_BUFFER_SIZE") = udp_ibv_reader_options::default_buffer_size;
    bound.attr("DEFAULT_MAX_SIZE") = udp_ibv_reader_options::default_max_size;
    bound.attr("DEFAULT_MAX_POLL") = udp_ibv_reader_options::default_max_poll;
    set_module(bound, "spead2.recv");
}

}  // namespace

template <>
void bind_reader<recv::udp_ibv_reader>(const py::module_& m, bound_stream& bound) {
    bind_udp_ibv_reader_config(m);
    constexpr const recv::reader_info& info = recv::udp_ibv_reader::info;
    const std::string doc = std::string(info.text) + R"(

Needs libibverbs and librdmacm, which are looked for here and not before, a device that supports raw
packets and flow steering, and CAP_NET_RAW. Packets with VLAN tags or IP options, and fragments, are
passed over.

Parameters
----------
config : UdpIbvConfig

Raises
------
ValueError
    If there are no endpoints, or one is not of IPv4, or neither a group nor the interface's address;
    if there is no interface address or it is not of IPv4.
RuntimeError
    If a host is not found, or the libraries are missing; after :meth:`start` with `explicit_start`.
OSError
    If no device owns the interface address, or it refuses something (RuntimeError, too).
)";
    bound.def(info.method, &add_udp_ibv, py::arg("config"), doc.c_str());
}

}  // namespace spead2::python
