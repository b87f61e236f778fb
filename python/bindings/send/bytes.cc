// SPDX-License-Identifier: Apache-2.0
// BytesStream.
#include <memory>

#include <string>

#include "transport_class.h"

namespace spead2::python {
namespace {

/// Knows where its transport puts the packets.
class bytes_stream : public blocking_stream {
public:
    bytes_stream(std::shared_ptr<thread_pool> pool, const stream_config& config,
                 std::shared_ptr<byte_collector> collector)
        : blocking_stream(std::move(pool), config, std::make_unique<bytes_transport>(collector)),
          collector_(std::move(collector)) {}
    [[nodiscard]] const byte_collector& collector() const noexcept { return *collector_; }

private:
    std::shared_ptr<byte_collector> collector_;
};
static_assert(!std::is_polymorphic_v<bytes_stream>);

}  // namespace

template <>
void bind_transport<send::bytes_transport>(const stream_modules& modules) {
    const send::transport_info& info = send::bytes_transport::info;
    const std::string doc = std::string(info.text) + R"(

Parameters
----------
thread_pool : ThreadPool
config : StreamConfig
)";
    auto bound = py::class_<bytes_stream, blocking_stream, std::shared_ptr<bytes_stream>>(
        modules.blocking, info.stream, doc.c_str());
    offer(modules.blocking, info.stream);
    bound
        .def(py::init([](const std::shared_ptr<thread_pool>& pool, const stream_config& config) {
                 return make_stream_object<bytes_stream>(pool, config,
                                                         std::make_shared<byte_collector>());
             }),
             py::arg("thread_pool"), py::arg("config") = stream_config())
        .def(
            "getvalue",
            [](const bytes_stream& self) {
                const std::vector<std::uint8_t> value = self.collector().value();
                return py::bytes(reinterpret_cast<const char*>(value.data()), value.size());
            },
            "The packets sent so far, one after another, as bytes.");
    set_module(bound, "spead2.send");
}

}  // namespace spead2::python
