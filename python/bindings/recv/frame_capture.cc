// SPDX-License-Identifier: Apache-2.0
// FrameCapture: what spead2 capture writes down of a verbs device.
#include <spead2/recv/readers/frame_capture.h>

#include <cmath>
#include <vector>

#include "bound_types.h"
#include "udp_ibv_config.h"

namespace spead2::python {

template <>
inline constexpr bool is_bound<recv::frame_capture> = true;

namespace {

/// Longer than anybody waits without looking for signals.
constexpr double most_seconds = 10.0;

py::tuple read(recv::frame_capture& capture, double timeout, std::size_t most) {
    if (!(timeout >= 0.0 && timeout <= most_seconds))
        throw py::value_error("timeout is " + std::string(py::repr(py::float_(timeout))) +
                              ", but it is from 0 to 10 seconds");
    std::vector<std::uint8_t> records;
    std::size_t count = 0;
    {
        const gil_release released;
        const auto limit = std::chrono::duration_cast<std::chrono::nanoseconds>(
            std::chrono::duration<double>(timeout));
        count = capture.read(limit, most, records);
    }
    return py::make_tuple(count,
                          py::bytes(reinterpret_cast<const char*>(records.data()), records.size()));
}

}  // namespace

void register_recv_frame_capture(py::module_& m) {
    auto bound = py::class_<recv::frame_capture, std::shared_ptr<recv::frame_capture>>(
        m, "FrameCapture",
        R"(Frames with UDP packets as they come to a network device, past the kernel.

Parameters
----------
config : UdpIbvConfig
    What is captured; the device steers it here from now on.

Raises
------
ValueError, RuntimeError, OSError
    As ``Stream.add_udp_ibv_reader``.
)");
    bound
        .def(py::init([](const udp_ibv_reader_config& config) {
                 return make_shared_without_gil<recv::frame_capture>(config.resolved());
             }),
             py::arg("config"))
        .def("read", &read, py::arg("timeout") = 0.1, py::arg("most") = 1024,
             R"(Wait for frames.

Parameters
----------
timeout : float
    Seconds to wait for the first, 0 to 10.
most : int
    How many frames are returned at most.

Returns
-------
tuple[int, bytes]
    How many, and the frames as records of a pcap file (times in nanoseconds, byte order of the
    machine).

Raises
------
ValueError
    If `timeout` is out of range.
OSError
    If the device does not receive any more.
)")
        .def("__repr__", [](const recv::frame_capture& capture) {
            return "<spead2 frame capture: " + capture.describe() + ">";
        });
    set_module(bound, "spead2._spead2.recv");
}

}  // namespace spead2::python
