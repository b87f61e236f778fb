// SPDX-License-Identifier: Apache-2.0
// The extension module spead2._spead2. Its names are public through the packages spead2,
// spead2.send and spead2.send.asyncio.
#include <spead2/version.h>

#include "bindings.h"

PYBIND11_MODULE(_spead2, m) {
    m.doc() = "The engine of the spead2 package. Use the names of spead2 and spead2.send.";
    m.attr("__version__") = SPEAD2_VERSION;
    spead2::python::register_runtime(m);
    spead2::python::register_common(m);
    spead2::python::register_config(m);
    spead2::python::register_heap(m);
    spead2::python::register_item(m);
    spead2::python::register_heap_generator(m);
    spead2::python::register_pack(m);
    spead2::python::register_packet_generator(m);
    spead2::python::register_stream(m);
    spead2::python::register_bytes(m);
    spead2::python::register_inproc(m);
    spead2::python::register_udp(m);
    spead2::python::register_tcp(m);
    spead2::python::register_udp_ibv(m);
}
