// SPDX-License-Identifier: Apache-2.0
// The module spead2._spead2.recv: the names of the receiving wing, which the sending one has too.
#include "bindings.h"
#include "bound_types.h"

namespace spead2::python {

void register_receiving(py::module_& m) {
    py::module_ recv =
        m.def_submodule("recv", "The engine of spead2.recv. Use the names of that package.");
    register_recv_stats(recv);
    register_recv_config(recv);
    register_recv_heap(recv);
    register_recv_stream(recv);
    register_recv_ring_stream(recv, m.attr("Empty"));
    register_recv_chunk(recv);
    register_recv_chunk_ring(recv, m.attr("Empty"), m.attr("Full"));
    register_recv_chunk_config(recv);
    register_recv_chunk_stream(recv);
    register_recv_chunk_group(recv);
    register_recv_frame_capture(recv);
}

}  // namespace spead2::python
