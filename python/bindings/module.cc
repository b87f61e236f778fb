// SPDX-License-Identifier: Apache-2.0
// The extension module spead2._spead2. Its names are public through the packages spead2,
// spead2.send and spead2.send.asyncio.
#include <spead2/version.h>

#include "bindings.h"
#include "support/guarded_calls.h"

namespace {

namespace py = pybind11;

/// What pickle and copy ask for. Left to object.__reduce__(), old protocols of pickle would call
/// the base of all pybind11 classes, which ends the process.
void set_reduce(const py::object& m, const py::object& flavour) {
    const auto metaclass = py::type::handle_of(flavour);
    for (const auto& [name, value] : py::dict(m.attr("__dict__")))
        if (py::isinstance(value, metaclass))
            py::setattr(value, "__reduce__",
                        py::cpp_function(
                            [](const py::handle& self) -> py::object {
                                throw py::type_error(
                                    "cannot pickle or copy an object of " +
                                    py::repr(py::type::handle_of(self)).cast<std::string>());
                            },
                            py::is_method(value)));
    flavour.attr("__reduce__") = py::cpp_function(
        [](const py::handle& self) {
            return py::make_tuple(
                py::type::handle_of(self),
                py::make_tuple(self.attr("version"), self.attr("item_pointer_bits"),
                               self.attr("heap_address_bits"), self.attr("bug_compat")));
        },
        py::is_method(flavour));
}

}  // namespace

PYBIND11_MODULE(_spead2, m) {
    m.doc() = "The engine of the spead2 package. Use the names of spead2 and spead2.send.";
    m.attr("__version__") = SPEAD2_VERSION;
    m.attr("__distribution__") = "gr-spead2";  // what another package of this name has not
    spead2::python::register_runtime(m);
    spead2::python::register_common(m);
    spead2::python::register_config(m);
    spead2::python::register_heap(m);
    spead2::python::register_heap_reference(m);
    spead2::python::register_heap_reference_list(m);
    spead2::python::register_heap_part(m);
    spead2::python::register_heap_pointer_order(m);
    spead2::python::register_item(m);
    spead2::python::register_encode();
    spead2::python::register_raw_descriptor(m);
    spead2::python::register_decode(m);
    spead2::python::register_update(m);
    spead2::python::register_descriptor_schedule(m);
    spead2::python::register_heap_generator(m);
    spead2::python::register_pack(m);
    spead2::python::register_packet_generator(m);
    spead2::python::register_stream(m);
    spead2::python::register_inproc_queue(m);
    spead2::python::register_transports(m);
    spead2::python::register_allocators(m);
    spead2::python::register_receiving(m);
    for (const py::object& scope :
         {py::object(m), py::object(m.attr("streams")), py::object(m.attr("asyncio_streams")),
          py::object(m.attr("recv"))}) {
        set_reduce(scope, m.attr("Flavour"));
        spead2::python::call_guard::guard_all(scope);
    }
    set_reduce(m.attr("recv").attr("Stream"), m.attr("Flavour"));
}
