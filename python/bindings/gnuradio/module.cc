// SPDX-License-Identifier: GPL-3.0-or-later
// The extension module gnuradio.spead2.spead2_python.
#include <pybind11/pybind11.h>

#include <exception>
#include <string>
#include <system_error>

#include "bindings.h"
#include "support/guarded_calls.h"

namespace py = pybind11;

namespace {

/// Exceptions as spead2.send has them: OSError with its errno; the rest is pybind11's.
void translate(std::exception_ptr p) {
    try {
        if (p) std::rethrow_exception(p);
    } catch (const std::system_error& e) {
        PyErr_SetObject(PyExc_OSError,
                        py::make_tuple(e.code().value(), std::string(e.what())).ptr());
    }
}

}  // namespace

PYBIND11_MODULE(spead2_python, m) {
    py::register_local_exception_translator(translate);
    gr::spead2::bind_items(m);
    gr::spead2::bind_options(m);
    gr::spead2::bind_sinks(m);
    gr::spead2::bind_sources(m);
    spead2::python::call_guard::guard_all(m);
}
