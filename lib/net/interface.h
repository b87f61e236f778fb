// SPDX-License-Identifier: Apache-2.0
// Network interfaces as users name them: by name ("eth0"), or by an address of theirs, or by a host
// name that stands for one.
#pragma once

#include <string>

#include <netinet/in.h>

#include <spead2/net/endpoint.h>

#include "net/ethernet_frame.h"

namespace spead2 {

struct network_interface {
    std::string name;
    unsigned index = 0;
    mac_address mac{};  ///< zeros where there is none
    int mtu = 0;        ///< bytes; 0: not known

    /// The interface that \a text names.
    /// \param family  of the address, AF_INET or AF_INET6, if it is one
    /// \throw resolve_error       it is neither an interface nor a host
    /// \throw socket_setup_error  no interface has the address
    [[nodiscard]] static network_interface find(const std::string& text, int family);
    /// The interface that has the address. \throw socket_setup_error
    [[nodiscard]] static network_interface with_address(const endpoint& address);
    [[nodiscard]] static network_interface with_address(const in_addr& address);

    /// The local address that \a text means: itself, or one of the interface's that it names (for
    /// IPv6 one that is valid beyond the link, if there is one). The port is 0.
    /// \throw as find(); socket_setup_error if the interface has no address of this family
    [[nodiscard]] static endpoint local_address(const std::string& text, int family);

    /// The IPv4 address that \a text means, as local_address(). For devices past the kernel: an
    /// interface has to be named.
    /// \param purpose  what the interface is for, if there is none: "send from"
    /// \throw as local_address(); std::invalid_argument if \a text is empty or an address of IPv6
    [[nodiscard]] static in_addr ipv4_address(const std::string& text, const char* purpose);

    /// Whether \a text is the name of an interface of this machine.
    [[nodiscard]] static bool is_name(const std::string& text);
};

}  // namespace spead2
