// SPDX-License-Identifier: Apache-2.0
// UdpIbvConfig and UdpIbvStream.
#include <spead2/send/transports/udp_ibv.h>

#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "stream.h"

namespace spead2::python {
namespace {

using host_list = std::vector<std::pair<std::string, int>>;

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
    [[nodiscard]] const host_list& endpoints() const { return endpoints_; }
    void set_endpoints(host_list endpoints) {
        for (const auto& [host, port] : endpoints)
            if (port < 0 || port > 65535)
                throw_range_error("port is " + std::to_string(port) +
                                  ", but must be from 0 to 65535");
        endpoints_ = std::move(endpoints);
    }
    [[nodiscard]] const std::string& interface_address() const { return interface_address_; }
    void set_interface_address(std::string address) { interface_address_ = std::move(address); }
    [[nodiscard]] std::size_t buffer_size() const { return buffer_size_; }
    void set_buffer_size(std::size_t bytes) {
        buffer_size_ = bytes != 0 ? bytes : udp_ibv_options::default_buffer_size;
    }
    [[nodiscard]] int ttl() const { return ttl_; }
    void set_ttl(int ttl) {
        if (ttl < 0 || ttl > 255)
            throw py::value_error("ttl is " + std::to_string(ttl) + ", but must be from 0 to 255");
        ttl_ = ttl;
    }
    [[nodiscard]] int comp_vector() const { return comp_vector_; }
    void set_comp_vector(int vector) { comp_vector_ = vector; }
    [[nodiscard]] int max_poll() const { return max_poll_; }
    void set_max_poll(int polls) {
        if (polls < 1)
            throw py::value_error("max_poll is " + std::to_string(polls) +
                                  ", but must be at least 1");
        max_poll_ = polls;
    }
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
        udp_ibv_options result;
        result.interface_address = interface_address_;
        result.buffer_size = buffer_size_;
        result.ttl = ttl_;
        result.comp_vector = comp_vector_;
        result.max_poll = max_poll_;
        for (const py::handle region : memory_regions_) {
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
    host_list endpoints_;
    std::string interface_address_;
    std::size_t buffer_size_ = udp_ibv_options::default_buffer_size;
    int ttl_ = 1;
    int comp_vector_ = 0;
    int max_poll_ = udp_ibv_options::default_max_poll;
    py::list memory_regions_;
};

}  // namespace

template <>
inline constexpr bool is_bound<udp_ibv_config> = true;

namespace {

[[nodiscard]] std::unique_ptr<udp_ibv_transport> make_transport(const stream_config& config,
                                                                const udp_ibv_config& ibv) {
    udp_ibv_options options = ibv.options();
    // A copy: others may change them once the GIL is released.
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
    const host_list hosts(ibv.endpoints());
    const std::size_t max_packet_size = config.max_packet_size();
    const gil_release released;
    options.endpoints = resolve_all(hosts);
    return std::make_unique<udp_ibv_transport>(options, max_packet_size);
}

void bind_config(py::module_& m) {
    auto bound = py::class_<udp_ibv_config>(
        m, "UdpIbvConfig",
        R"(Where and how a :class:`UdpIbvStream` sends. The arguments are attributes too.

An attribute returns a copy: to change a list, assign a new one.

Parameters
----------
endpoints : list of tuple[str, int]
    IPv4 multicast addresses and ports, one a substream.
interface_address : str
    The interface to send from, by its name or its IPv4 address, or a host name that stands for it;
    it must belong to a verbs device.
buffer_size : int
    Bytes of packets that can be in flight, rounded to whole packets; 0: the default.
ttl : int
    Hops that the packets may make, 0 to 255.
comp_vector : int
    Completion interrupt to wait for, modulo the number that the device has; negative: poll all the
    time.
max_poll : int
    Polls in a row before waiting, or letting other work run; at least 1.
memory_regions : list of buffers
    Contiguous memory to register with the device. Payload inside it is sent without a copy.

Raises
------
ValueError
    If `ttl` or `max_poll` is out of range, or a memory region is not contiguous.
TypeError
    For an unknown argument or a value of the wrong type.
)");
    bound
        .def(py::init([](host_list endpoints, std::string interface_address,
                         std::size_t buffer_size, int ttl, int comp_vector, int max_poll,
                         const py::iterable& memory_regions) {
                 auto config = std::make_unique<udp_ibv_config>();
                 config->set_endpoints(std::move(endpoints));
                 config->set_interface_address(std::move(interface_address));
                 config->set_buffer_size(buffer_size);
                 config->set_ttl(ttl);
                 config->set_comp_vector(comp_vector);
                 config->set_max_poll(max_poll);
                 config->set_memory_regions(memory_regions);
                 return config;
             }),
             py::kw_only(), py::arg("endpoints") = host_list(), py::arg("interface_address") = "",
             py::arg("buffer_size") = udp_ibv_options::default_buffer_size, py::arg("ttl") = 1,
             py::arg("comp_vector") = 0, py::arg("max_poll") = udp_ibv_options::default_max_poll,
             py::arg("memory_regions") = py::tuple())
        .def_property("endpoints", &udp_ibv_config::endpoints, &udp_ibv_config::set_endpoints,
                      "IPv4 multicast addresses and ports, one a substream.")
        .def_property("interface_address", &udp_ibv_config::interface_address,
                      &udp_ibv_config::set_interface_address,
                      "IPv4 address of the interface to send from.")
        .def_property("buffer_size", &udp_ibv_config::buffer_size, &udp_ibv_config::set_buffer_size,
                      "Bytes of packets that can be in flight; setting 0 gives the default.")
        .def_property("ttl", &udp_ibv_config::ttl, &udp_ibv_config::set_ttl,
                      "Hops that the packets may make.")
        .def_property("comp_vector", &udp_ibv_config::comp_vector, &udp_ibv_config::set_comp_vector,
                      "Completion interrupt to wait for; negative: poll all the time.")
        .def_property("max_poll", &udp_ibv_config::max_poll, &udp_ibv_config::set_max_poll,
                      "Polls in a row before waiting, or letting other work run.")
        .def_property("memory_regions", &udp_ibv_config::memory_regions,
                      &udp_ibv_config::set_memory_regions,
                      "Memory from which payload is sent without a copy.");
    bound.attr("DEFAULT_BUFFER_SIZE") = udp_ibv_options::default_buffer_size;
    bound.attr("DEFAULT_MAX_POLL") = udp_ibv_options::default_max_poll;
    set_module(bound, "spead2.send");
}

template <typename Base>
void bind_stream_class(py::module_& m) {
    auto bound = bind_stream<Base, udp_ibv_transport>(
        m, "UdpIbvStream",
        R"(Stream over UDP multicast past the kernel, through ibverbs.

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
                  return make_stream<Base>(pool, config, make_transport(config, ibv));
              }),
              py::arg("thread_pool"), py::arg("config") = stream_config(),
              py::arg("udp_ibv_config"));
}

}  // namespace

void register_udp_ibv(py::module_& m) {
    bind_config(m);
    bind_stream_class<blocking_stream>(m);
    bind_stream_class<asyncio_stream>(m);
}

}  // namespace spead2::python
