// SPDX-License-Identifier: Apache-2.0
// PacketGenerator: the packets of a heap, without a stream.
#include <cstddef>
#include <cstdint>
#include <memory>

#include <spead2/send/packet_generator.h>

#include "bindings.h"
#include "heap.h"
#include "support/arguments.h"

namespace spead2::python {
namespace {

/// The next packet as bytes.
py::bytes next_packet(packet_generator& packets) {
    if (packets.done()) throw py::stop_iteration();
    const std::size_t size = packets.next_size();
    auto bytes = py::reinterpret_steal<py::bytes>(
        PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
    if (!bytes) throw py::error_already_set();
    packets.next({reinterpret_cast<std::uint8_t*>(PyBytes_AS_STRING(bytes.ptr())), size});
    return bytes;
}

}  // namespace

template <>
inline constexpr bool is_bound<packet_generator> = true;

void register_packet_generator(py::module_& m) {
    auto bound = py::class_<packet_generator>(m, "PacketGenerator",
                                              R"(The packets of a heap, one after another, as bytes.

Parameters
----------
heap : Heap
cnt : int
    Heap cnt; only the low bits that the flavour has room for are sent.
max_packet_size : int
    Bytes of the largest packet, at least 56.

Raises
------
ValueError
    If the heap makes no packets of this size.
)");
    bound
        .def(py::init([](const py::object& heap, const py::object& cnt,
                         const py::object& max_packet_size) {
                 const heap_object* const h = to_heap(heap.ptr());
                 if (h == nullptr) throw py::error_already_set();
                 return std::make_unique<packet_generator>(
                     h->value, to_integer<std::uint64_t>(cnt, "cnt"),
                     to_integer<std::size_t>(max_packet_size, "max_packet_size"));
             }),
             py::arg("heap"), py::arg("cnt"), py::arg("max_packet_size"))
        .def("__iter__", [](const py::object& self) { return self; })
        .def("__next__", next_packet)
        .def("__repr__", [](const packet_generator&) { return "<spead2.send.PacketGenerator>"; });
    set_module(bound, "spead2.send");
}

}  // namespace spead2::python
