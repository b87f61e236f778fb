// SPDX-License-Identifier: Apache-2.0
// Arguments of the streams with sockets. Their constructors are told apart by what is given, in
// ways that overloading by type would say nothing helpful about when it fails.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <spead2/runtime/thread_pool.h>
#include <spead2/send/config.h>

#include "engine.h"
#include "support/python.h"

namespace spead2::python {

struct network_arguments {
    std::shared_ptr<thread_pool> pool;
    stream_config config;
    std::vector<std::pair<std::string, int>> endpoints;
    bool has_endpoints = false;
    std::optional<std::size_t> buffer_size;
    std::optional<int> ttl;
    std::optional<std::string> interface_address;
    std::optional<unsigned> interface_index;
    std::optional<int> socket;
    py::object socket_object;  ///< keeps the descriptor open
};

/// Sort out the arguments of UdpStream or TcpStream:
///   thread_pool, endpoints | hostname, port [, config, buffer_size, and further by type:
///       interface_address (str), ttl (int), interface_index (int), socket]
///   thread_pool, socket [, endpoints | hostname, port] [, config]
/// \throw py::error_already_set (TypeError, ValueError)
[[nodiscard]] network_arguments sort_network_arguments(const char* function, const py::args& args,
                                                       const py::kwargs& keywords);

}  // namespace spead2::python
