// SPDX-License-Identifier: Apache-2.0
// What UdpIbvConfig holds: values as the user gave them, names not looked up yet.
#pragma once

#include <spead2/recv/readers/udp_ibv.h>

#include "support/arguments.h"
#include "support/endpoints.h"
#include "support/python.h"

namespace spead2::python {

class udp_ibv_reader_config {
public:
    recv::udp_ibv_reader_options plain;  ///< without endpoints
    host_list endpoints;

    /// With the GIL, which is released while names are looked up.
    [[nodiscard]] recv::udp_ibv_reader_options resolved() const {
        // Copies: others may change them once the GIL is released.
        recv::udp_ibv_reader_options options = plain;
        const host_list hosts(endpoints);
        const gil_release released;
        options.endpoints = resolve_all(hosts);
        return options;
    }
};

template <>
inline constexpr bool is_bound<udp_ibv_reader_config> = true;

}  // namespace spead2::python
