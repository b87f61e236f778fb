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
#include "support/options.h"

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
void bind_pcap_stream(py::module_& m) {
    const std::vector<option_row> rows = option_rows<pcap_options>();
    const std::string doc =
        R"(Stream into a capture file, as if the packets had been seen on a network.

The file has the format pcap with nanoseconds, with Ethernet, IP and UDP headers. The time of a packet
is the one at which it was due by its rate, whenever it was written; without a rate it is that of
writing. What is sent is in the file.
)" + parameters_section(rows, R"(thread_pool : ThreadPool
path : path-like
    The file; one that exists is written anew.
endpoints : list of tuple[str, int]
    Where the packets go to, one substream each: IPv4 or IPv6, unicast or multicast.
config : StreamConfig
)") +
        R"(
Raises
------
ValueError
    If `endpoints` is empty, or a number is out of range.
RuntimeError
    If a host is not found ("Host not found").
OSError
    If the file cannot be written.
)";
    auto bound = bind_stream<Base, pcap_transport>(m, "PcapStream", doc.c_str());
    publish_options(m, "PcapStream", rows);
    bound.def(py::init([](const std::shared_ptr<thread_pool>& pool, const py::object& path,
                          const host_list& endpoints, const stream_config& config,
                          const py::kwargs& keywords) {
                  auto options = options_by_keyword<pcap_options>("PcapStream", keywords);
                  options.path = to_path(path);
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
              py::arg("config") = stream_config());
}

}  // namespace

void register_pcap(py::module_& m) {
    bind_pcap_stream<blocking_stream>(m);
    bind_pcap_stream<asyncio_stream>(m);
}

}  // namespace spead2::python
