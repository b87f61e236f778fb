// SPDX-License-Identifier: Apache-2.0
// InprocQueue and InprocStream.
#include <pybind11/stl.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include <spead2/base/errors.h>
#include <spead2/base/text.h>

#include "bindings.h"
#include "support/buffer.h"
#include "transport_class.h"

namespace spead2::python {
namespace {

using queue_list = std::vector<std::shared_ptr<inproc_queue>>;

py::bytes to_bytes(const inproc_queue::packet_bytes& packet) {
    return {reinterpret_cast<const char*>(packet.data()), packet.size()};
}

void add_packet(inproc_queue& queue, const py::object& packet) {
    const buffer_view view(packet.ptr());
    queue.add_packet({view.data(), view.data() + view.size()});
}

/// Wait for a packet in pieces short enough for KeyboardInterrupt.
py::bytes get_packet(inproc_queue& queue, std::optional<double> timeout) {
    using clock = std::chrono::steady_clock;
    constexpr std::chrono::nanoseconds piece = std::chrono::milliseconds(100);
    // Longer than a process lives: as good as no limit, and fits the clock.
    constexpr double no_limit = 1e9;
    if (timeout && !(*timeout >= 0.0))
        throw py::value_error("timeout is " + to_text(*timeout) +
                              ", but must be at least 0 seconds, or None");
    const bool limited = timeout && *timeout < no_limit;
    const clock::time_point limit =
        limited ? clock::now() + std::chrono::duration_cast<clock::duration>(
                                     std::chrono::duration<double>(*timeout))
                : clock::time_point::max();
    for (;;) {
        std::optional<inproc_queue::packet_bytes> packet;
        const std::chrono::nanoseconds left =
            limited ? std::max(limit - clock::now(), clock::duration::zero()) : piece;
        {
            const gil_release released;
            packet = queue.get_packet(std::min(left, piece));
        }
        if (packet) return to_bytes(*packet);
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        if (limited && clock::now() >= limit) {
            PyErr_SetString(py::module_::import("spead2._spead2").attr("Empty").ptr(),
                            "no packet came in time");
            throw py::error_already_set();
        }
    }
}

py::bytes next_queued_packet(inproc_queue& queue) {
    try {
        return get_packet(queue, std::nullopt);
    } catch (const stopped_error&) {
        throw py::stop_iteration();
    }
}

template <typename Base>
void bind_inproc_stream(const stream_modules& modules) {
    auto bound =
        bind_stream<Base, inproc_transport>(modules, std::string(inproc_transport::info.text) + R"(

Parameters
----------
thread_pool : ThreadPool
queues : list of InprocQueue
config : StreamConfig

Raises
------
ValueError
    If there are no queues.
)");
    bound
        .def(py::init([](const std::shared_ptr<thread_pool>& pool, const queue_list& queues,
                         const stream_config& config) {
                 return make_stream<Base>(pool, config, std::make_unique<inproc_transport>(queues));
             }),
             py::arg("thread_pool"), py::arg("queues"), py::arg("config") = stream_config())
        .def_property_readonly(
            "queues",
            [](stream& self) { return static_cast<inproc_transport&>(self.carrier()).queues(); },
            "The queues, one a substream.");
}

}  // namespace

void register_inproc_queue(py::module_& m) {
    auto bound = py::class_<inproc_queue, std::shared_ptr<inproc_queue>>(
        m, "InprocQueue",
        R"(Unbounded queue of packets within the process, filled by InprocStream.

Any number of streams and threads may share it. Iterating takes packets (bytes) as they come, until
the queue is stopped and empty.
)");
    bound.def(py::init<>())
        .def("add_packet", &add_packet, py::arg("packet"),
             R"(Add a packet.

Parameters
----------
packet : bytes-like
    Is copied.

Raises
------
Stopped
    After :meth:`stop`.
)")
        .def("get_packet", &get_packet, py::arg("timeout") = py::none(),
             R"(Take the oldest packet; wait for one.

Parameters
----------
timeout : float, optional
    Seconds to wait at most; None: without limit.

Returns
-------
bytes

Raises
------
Stopped
    If the queue is stopped and empty.
Empty
    If no packet came in time.
)")
        .def("stop", &inproc_queue::stop,
             "Let no more packets be added. What is in the queue can still be taken.")
        .def("qsize", &inproc_queue::size, "Number of packets in the queue.")
        .def("__iter__", [](const py::object& self) { return self; })
        .def("__next__", &next_queued_packet)
        .def("__repr__", [](const inproc_queue& queue) {
            const std::size_t n = queue.size();
            return "<spead2.InprocQueue with " + std::to_string(n) +
                   (n == 1 ? " packet" : " packets") + (queue.stopped() ? ", stopped>" : ">");
        });
    set_module(bound, "spead2");
}

template <>
void bind_transport<inproc_transport>(const stream_modules& modules) {
    bind_inproc_stream<blocking_stream>(modules);
    bind_inproc_stream<asyncio_stream>(modules);
}

}  // namespace spead2::python
