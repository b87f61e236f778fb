// SPDX-License-Identifier: Apache-2.0
// PcapStream.
#include <spead2/send/transports/pcap.h>

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

/// A path as the C library takes it. \throw py::error_already_set (TypeError, ValueError)
[[nodiscard]] std::string to_path(const py::object& path) {
    PyObject* bytes = nullptr;
    if (run_python<PyUnicode_FSConverter>(path.ptr(), static_cast<void*>(&bytes)) == 0)
        throw py::error_already_set();
    return py::reinterpret_steal<py::bytes>(bytes);
}

template <typename Base>
void bind(py::module_& m) {
    auto bound = bind_stream<Base, pcap_transport>(
        m, "PcapStream",
        R"(Stream into a capture file, as if the packets had been seen on a network.

The file has the format pcap with nanoseconds, with Ethernet, IP and UDP headers. The time of a packet
is the one at which it was due by its rate, whenever it was written; without a rate it is that of
writing. What is sent is in the file.

Parameters
----------
thread_pool : ThreadPool
path : path-like
    The file; one that exists is written anew.
endpoints : list of tuple[str, int]
    Where the packets go to, one substream each: IPv4 or IPv6, unicast or multicast.
config : StreamConfig
source4, source6 : str
    Where packets of IPv4 and of IPv6 seem to come from.
source_port : int
ttl : int
    Time to live or hop limit, 0 to 255.

Raises
------
ValueError
    If `endpoints` is empty, or a number is out of range.
RuntimeError
    If a host is not found ("Host not found").
OSError
    If the file cannot be written.
)");
    bound.def(
        py::init([](const std::shared_ptr<thread_pool>& pool, const py::object& path,
                    const host_list& endpoints, const stream_config& config, std::string source4,
                    std::string source6, std::uint16_t source_port, int ttl) {
            pcap_options options;
            options.path = to_path(path);
            options.source4 = std::move(source4);
            options.source6 = std::move(source6);
            options.source_port = source_port;
            options.ttl = ttl;
            const std::size_t max_packet_size = config.max_packet_size();
            std::unique_ptr<pcap_transport> carrier;
            {
                const gil_release released;
                for (const auto& [host, port] : endpoints)
                    options.endpoints.push_back(endpoint::resolve(host, port));
                carrier = std::make_unique<pcap_transport>(options, max_packet_size);
            }
            return make_stream<Base>(pool, config, std::move(carrier));
        }),
        py::arg("thread_pool"), py::arg("path"), py::arg("endpoints"),
        py::arg("config") = stream_config(), py::kw_only(),
        py::arg("source4") = pcap_options().source4, py::arg("source6") = pcap_options().source6,
        py::arg("source_port") = pcap_options::default_source_port,
        py::arg("ttl") = pcap_options::default_ttl);
}

}  // namespace

void register_pcap(py::module_& m) {
    bind<blocking_stream>(m);
    bind<asyncio_stream>(m);
}

}  // namespace spead2::python
