// SPDX-License-Identifier: GPL-3.0-or-later
// The parts of the module; each registers what is in the file of its name.
#pragma once

#include <pybind11/pybind11.h>

namespace gr::spead2 {

void bind_items(pybind11::module_& m);
void bind_options(pybind11::module_& m);
void bind_sinks(pybind11::module_& m);
void bind_sources(pybind11::module_& m);

}  // namespace gr::spead2
