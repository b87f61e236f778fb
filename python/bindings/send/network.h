// SPDX-License-Identifier: Apache-2.0
// Arguments of the streams with sockets. Their constructors are told apart by what is given, in
// ways that overloading by type would say nothing helpful about when it fails. Which options there
// are and what they may be is the transports' part.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <spead2/runtime/thread_pool.h>
#include <spead2/send/config.h>

#include "engine.h"
#include "support/endpoints.h"
#include "support/options.h"

namespace spead2::python {

struct network_arguments {
    const char* function = "";
    std::shared_ptr<thread_pool> pool;
    stream_config config;
    host_list endpoints;
    bool has_endpoints = false;
    std::optional<int> socket;
    py::object socket_object;                                 ///< keeps the descriptor open
    std::vector<std::pair<std::string, py::object>> options;  ///< all others, by name

    [[nodiscard]] bool given(std::string_view name) const {
        return std::any_of(options.begin(), options.end(),
                           [name](const auto& option) { return option.first == name; });
    }

    /// The options of a transport. \throw TypeError for one that it does not have, and what wrong
    /// values throw
    template <typename Options>
    [[nodiscard]] Options make_options() const {
        Options made;
        for (const auto& [name, value] : options)
            if (!set_option(made, name, value))
                throw py::type_error(std::string(function) +
                                     "() got an unexpected keyword argument '" + name + "'");
        made.socket = socket;
        return made;
    }
};

/// Sort out the arguments of UdpStream or TcpStream:
///   thread_pool, endpoints | hostname, port [, config, buffer_size, and further by type:
///       interface_address (str), ttl (int), interface_index (int), socket]
///   thread_pool, socket [, endpoints | hostname, port] [, config]
/// and any options by name.
/// \throw py::error_already_set (TypeError, ValueError)
[[nodiscard]] network_arguments sort_network_arguments(const char* function, const py::args& args,
                                                       const py::kwargs& keywords);

}  // namespace spead2::python
