// SPDX-License-Identifier: Apache-2.0
// Where packets go to or come from, as Python has it: pairs of a host name or address and a port, not
// looked up yet, and sockets.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "python.h"

namespace spead2::python {

using host_list = std::vector<std::pair<std::string, int>>;

/// Whether it is a socket.socket. \throw py::error_already_set
[[nodiscard]] bool is_socket(PyObject* object);

/// A tuple of what an iterable gives; null if the object is none, or a text.
/// \throw py::error_already_set what iterating raises
[[nodiscard]] py::object to_tuple(PyObject* object);

/// \throw py::error_already_set (TypeError, RangeError)
[[nodiscard]] std::pair<std::string, int> to_endpoint(PyObject* host, PyObject* port);

/// From an iterable of pairs. \throw py::error_already_set (TypeError, RangeError)
[[nodiscard]] host_list to_endpoints(const py::handle& object);

}  // namespace spead2::python
