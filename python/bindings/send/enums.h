// SPDX-License-Identifier: Apache-2.0
// C++ enumerations as members of Python's enum.Enum.
#pragma once

#include <spead2/send/config.h>
#include <spead2/send/stream.h>

#include "engine.h"
#include "support/python.h"

namespace spead2::python {

/// The value of a GroupMode. \return false (with TypeError set) for anything else
[[nodiscard]] bool to_group_mode(PyObject* object, group_mode& mode);
/// The value of a RateMethod. \throw py::type_error for anything else
[[nodiscard]] rate_method to_rate_method(const py::handle& object);
[[nodiscard]] py::object from_rate_method(rate_method method);

}  // namespace spead2::python
