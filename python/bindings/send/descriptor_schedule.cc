// SPDX-License-Identifier: Apache-2.0
// DescriptorSchedule, for item groups that are written in Python.
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>

#include <spead2/send/descriptor_schedule.h>

#include "bindings.h"
#include "engine.h"

namespace spead2::python {

void register_descriptor_schedule(py::module_& m) {
    py::class_<descriptor_schedule>(m, "DescriptorSchedule",
                                    "When the descriptor of an item is due. Heaps are numbered.")
        .def(py::init<>())
        .def(
            "is_due",
            [](const descriptor_schedule& self, std::uint64_t heap,
               const std::optional<std::int64_t>& interval) { return self.is_due(heap, interval); },
            py::arg("heap"), py::arg("interval"),
            "Whether it is due in a heap: the first, or `interval` heaps after the last; None: "
            "never.")
        .def(
            "sent", [](descriptor_schedule& self, std::uint64_t heap) { self.sent(heap); },
            py::arg("heap"), "Note that a heap has the descriptor.");
}

}  // namespace spead2::python
