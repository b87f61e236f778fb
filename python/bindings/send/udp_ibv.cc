// SPDX-License-Identifier: Apache-2.0
// UdpIbvConfig and UdpIbvStream.
#include <pybind11/stl.h>  // of endpoints

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "network.h"
#include "transport_class.h"

namespace spead2::python {
namespace {

/// The export of a memory region's memory, kept for as long as the memoryview lives. \a index is
/// that of the region, for errors.
[[nodiscard]] py::object memory_of(const py::handle& object, std::size_t index) {
    auto view = py::reinterpret_steal<py::object>(PyMemoryView_FromObject(object.ptr()));
    if (!view) {
        py::error_already_set reason;
        const std::string text = "memory_regions[" + std::to_string(index) +
                                 "] cannot be used: " + std::string(py::str(reason.value()));
        for (PyObject* const kind : {PyExc_TypeError, PyExc_ValueError, PyExc_BufferError}) {
            if (!reason.matches(kind)) continue;
            py::raise_from(reason, kind, text.c_str());
            throw py::error_already_set();
        }
        reason.restore();
        throw py::error_already_set();
    }
    if (PyBuffer_IsContiguous(PyMemoryView_GET_BUFFER(view.ptr()), 'A') == 0)
        throw py::value_error("a memory region must be contiguous, but memory_regions[" +
                              std::to_string(index) + "] has shape " +
                              py::repr(view.attr("shape")).cast<std::string>() + " and strides " +
                              py::repr(view.attr("strides")).cast<std::string>() +
                              ": give the array that it is a part of, or a contiguous copy");
    return view;
}

/// What UdpIbvConfig holds: values as the user gave them, names not looked up yet.
class udp_ibv_config {
public:
    udp_ibv_options plain;  ///< without endpoints and memory regions
    host_list endpoints;

    [[nodiscard]] py::list memory_regions() const { return py::list(py::tuple(memory_regions_)); }
    void set_memory_regions(const py::iterable& regions) {
        py::list checked;
        for (const py::handle region : regions) {
            static_cast<void>(memory_of(region, checked.size()));
            checked.append(region);
        }
        memory_regions_ = std::move(checked);
    }

    /// Everything but the endpoints, which are still to be looked up.
    [[nodiscard]] udp_ibv_options options() const {
        udp_ibv_options result = plain;
        // A list of its own: looking into a region may run code that sets others.
        for (const py::handle region : memory_regions()) {
            py::object view = memory_of(region, result.memory_regions.size());
            const Py_buffer* const buffer = PyMemoryView_GET_BUFFER(view.ptr());
            result.memory_regions.push_back(
                {buffer->buf, static_cast<std::size_t>(buffer->len),
                 std::shared_ptr<const void>(view.release().ptr(), [](const void* object) {
                     release_reference(const_cast<void*>(object));
                 })});
        }
        return result;
    }

private:
    py::list memory_regions_;
};

}  // namespace

template <>
inline constexpr bool is_bound<udp_ibv_config> = true;

namespace {

[[nodiscard]] std::unique_ptr<udp_ibv_transport> to_transport(const stream_config& config,
                                                              const udp_ibv_config& ibv) {
    udp_ibv_options options = ibv.options();
    // A copy: others may change them once the GIL is released.
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
    const host_list hosts(ibv.endpoints);
    const std::size_t max_packet_size = config.max_packet_size();
    const gil_release released;
    options.endpoints = resolve_all(hosts);
    return std::make_unique<udp_ibv_transport>(options, max_packet_size);
}

void bind_udp_ibv_config(const stream_modules& modules) {
    const std::string doc =
        "Where and how a :class:`UdpIbvStream` sends. The arguments are attributes too.\n\n"
        "An attribute returns a copy: to change a list, assign a new one.\n" +
        parameters_section(option_rows<udp_ibv_options>(),
                           R"(endpoints : iterable of tuple[str, int]
    IPv4 multicast addresses and ports, one a substream.
memory_regions : iterable of buffers
    Contiguous memory to register with the device. Payload inside it is sent without a copy.
)") + R"(
Raises
------
ValueError
    If a number is out of range, or a memory region is not contiguous.
TypeError
    For an unknown argument or a value of the wrong type.
)";
    auto bound = py::class_<udp_ibv_config>(modules.blocking, "UdpIbvConfig", doc.c_str());
    offer(modules.blocking, "UdpIbvConfig");
    bind_options<udp_ibv_options>(modules.engine, bound, "UdpIbvConfig",
                                  [](udp_ibv_config& c) -> udp_ibv_options& { return c.plain; },
                                  {"endpoints", "memory_regions"});
    bound
        .def_property(
            "endpoints", [](const udp_ibv_config& c) { return c.endpoints; },
            [](udp_ibv_config& c, const py::object& endpoints) {
                c.endpoints = to_endpoints(endpoints);
            },
            "IPv4 multicast addresses and ports, one a substream.")
        .def_property("memory_regions", &udp_ibv_config::memory_regions,
                      &udp_ibv_config::set_memory_regions,
                      "Memory from which payload is sent without a copy.");
    bound.attr("DEFAULT_BUFFER_SIZE") = udp_ibv_options::default_buffer_size;
    bound.attr("DEFAULT_MAX_POLL") = udp_ibv_options::default_max_poll;
    set_module(bound, "spead2.send");
}

template <typename Base>
void bind_stream_class(const stream_modules& modules) {
    auto bound = bind_stream<Base, udp_ibv_transport>(
        modules, std::string(udp_ibv_transport::info.text) + R"(

Needs libibverbs and librdmacm, which are looked for here and not before, a device that supports raw
packets, and CAP_NET_RAW.

Parameters
----------
thread_pool : ThreadPool
config : StreamConfig
udp_ibv_config : UdpIbvConfig

Raises
------
ValueError
    If there are no endpoints or one is not an IPv4 multicast address; if a memory region is empty
    or overlaps another; if there is no interface address or it is not of IPv4.
RuntimeError
    If a host is not found, or the libraries are missing.
OSError
    If no device owns the interface address, or it refuses something.
)");
    bound.def(py::init([](const std::shared_ptr<thread_pool>& pool, const stream_config& config,
                          const udp_ibv_config& ibv) {
                  return make_stream<Base>(pool, config, to_transport(config, ibv));
              }),
              py::arg("thread_pool"), py::arg("config") = stream_config(),
              py::arg("udp_ibv_config"));
}

}  // namespace

template <>
void bind_transport<udp_ibv_transport>(const stream_modules& modules) {
    bind_udp_ibv_config(modules);
    bind_stream_class<blocking_stream>(modules);
    bind_stream_class<asyncio_stream>(modules);
}

}  // namespace spead2::python
