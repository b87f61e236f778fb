// SPDX-License-Identifier: Apache-2.0
// What functions that bypass pybind11's dispatch need of the classes in common.cc.
#pragma once

#include <spead2/wire/flavour.h>

#include "support/python.h"

namespace spead2::python {

/// \return false (with TypeError set) for anything but a Flavour
[[nodiscard]] bool to_flavour(PyObject* object, flavour& f) noexcept;

}  // namespace spead2::python
