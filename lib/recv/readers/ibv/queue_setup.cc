// SPDX-License-Identifier: Apache-2.0
#include "queue_setup.h"

#include <algorithm>
#include <stdexcept>

#include <spead2/wire/limits.h>

#include "net/ethernet_frame.h"
#include "net/interface.h"

namespace spead2::recv {

in_addr detail::interface_of(const udp_ibv_reader_options& options) {
    for (const endpoint& e : options.endpoints)
        if (e.family() != AF_INET)
            throw std::invalid_argument("endpoint is not an IPv4 address: " + e.to_string());
    if (options.endpoints.empty()) throw std::invalid_argument("endpoints is empty");
    const in_addr local = network_interface::ipv4_address(options.interface_address, "receive at");
    for (const endpoint& e : options.endpoints)
        if (!e.is_multicast() && ipv4_of(e).address.s_addr != local.s_addr)
            throw std::invalid_argument(
                "endpoint is not multicast and does not match interface address: " + e.to_string());
    check_options(options);
    return local;
}

#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

detail::receive_queue::parameters detail::queue_parameters(const udp_ibv_reader_options& options,
                                                           const in_addr& local) {
    receive_queue::parameters p;
    p.frame_size = std::min(options.max_size, max_udp_payload) + frame_header::size;
    p.buffer_size = options.buffer_bytes();
    p.interrupt = options.comp_vector;
    p.mac = network_interface::with_address(local).mac;
    for (const endpoint& e : options.endpoints) p.endpoints.push_back(ipv4_of(e));
    return p;
}

std::string detail::queue_name(const udp_ibv_reader_options& options, const verbs_device& device) {
    std::string name = "udp_ibv";
    for (const endpoint& e : options.endpoints) name += ' ' + e.to_string();
    return name + " on " + device.name();
}

#else

void detail::no_ibverbs() {
    throw std::runtime_error(
        "ibverbs is not in this build: install the headers of libibverbs and librdmacm (Debian, "
        "Ubuntu: libibverbs-dev librdmacm-dev; Fedora, RHEL: rdma-core-devel) and build again");
}

#endif

}  // namespace spead2::recv
