// SPDX-License-Identifier: Apache-2.0
// PacketGenerator: the packets of a heap, without a stream.
#include <algorithm>
#include <memory>

#include <spead2/send/packetiser.h>

#include "bindings.h"
#include "heap.h"
#include "support/arguments.h"

namespace spead2::python {
namespace {

class packet_generator {
public:
    packet_generator(const heap& h, std::uint64_t cnt, std::size_t max_packet_size)
        : packets_(h.contents(), cnt, max_packet_size),
          batch_(1, std::min(max_packet_size, largest_packet(*h.contents()))) {}

    py::bytes next() {
        if (packets_.done()) throw py::stop_iteration();
        batch_.clear();
        const std::size_t size = packets_.next(batch_, 0);
        auto bytes = py::reinterpret_steal<py::bytes>(
            PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
        if (!bytes) throw py::error_already_set();
        char* out = PyBytes_AS_STRING(bytes.ptr());
        const packet_span span = batch_.from(0);
        for (const packet& p : span.packets)
            for (std::uint32_t i = 0; i < p.n_iov; ++i) {
                const iovec& part = span.iovs[p.first_iov + i];
                out = std::copy_n(static_cast<const char*>(part.iov_base), part.iov_len, out);
            }
        return bytes;
    }

private:
    /// No packet of the heap is larger, whatever the maximum.
    static std::size_t largest_packet(const heap_contents& contents) {
        return min_packet_size + (contents.items().size() + 1) * item_pointer_size +
               static_cast<std::size_t>(contents.payload_size());
    }

    packetiser packets_;
    packet_batch batch_;
};

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
        .def("__next__", &packet_generator::next)
        .def("__repr__", [](const packet_generator&) { return "<spead2.send.PacketGenerator>"; });
    set_module(bound, "spead2.send");
}

}  // namespace spead2::python
