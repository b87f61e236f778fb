// SPDX-License-Identifier: Apache-2.0
// TcpStream.
#include <atomic>
#include <memory>

#include "network.h"
#include "transport_class.h"

namespace spead2::python {
namespace {

/// Tells a thread that is connecting to give up.
class connect_token {
public:
    void cancel() noexcept { cancelled_ = true; }
    [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }

private:
    std::atomic<bool> cancelled_{false};
};

}  // namespace

template <>
inline constexpr bool is_bound<connect_token> = true;

namespace {

[[nodiscard]] std::unique_ptr<tcp_transport> to_transport(
    const network_arguments& arguments, const std::function<bool()>& interrupted) {
    if (!arguments.socket && !arguments.has_endpoints)
        throw py::type_error("TcpStream() is missing the argument 'endpoints' or 'socket'");
    if (arguments.socket && arguments.has_endpoints)
        throw py::type_error("TcpStream() takes either endpoints or socket, not both");
    auto options = arguments.make_options<tcp_options>();
    if (!arguments.socket && arguments.endpoints.size() != 1)
        throw py::value_error("endpoints must contain exactly one element, not " +
                              std::to_string(arguments.endpoints.size()));
    try {
        const gil_release released;
        if (!arguments.socket) {
            const auto& [host, port] = arguments.endpoints.front();
            options.endpoints = resolve_every(host, port);
        }
        return std::make_unique<tcp_transport>(options, interrupted);
    } catch (const std::system_error&) {
        // A signal handler's exception tells more than "interrupted".
        if (PyErr_Occurred() != nullptr) throw py::error_already_set();
        throw;
    }
}

std::string doc() {
    return std::string(tcp_transport::info.text) + R"(

Needed are `thread_pool`, and `endpoints` (an iterable of exactly one pair of a host name or address
and a port), `hostname` and `port`, or `socket` (a connected one to use as it is; it may be closed
afterwards). `config` is a :class:`StreamConfig`. The options below may be given by name.
)" + parameters_section(option_rows<tcp_options>()) +
           R"(
Raises
------
ValueError
    If there is not exactly one endpoint, or a number is out of range.
RuntimeError
    If a host is not found ("Host not found").
OSError
    If the connection is refused or cannot be made.
)";
}

void bind_blocking(const stream_modules& modules) {
    publish_options(modules.engine, "TcpStream", option_rows<tcp_options>());
    auto bound = bind_stream<blocking_stream, tcp_transport>(modules, doc());
    bound.def(py::init([](const py::args& args, const py::kwargs& keywords) {
        network_arguments arguments = sort_network_arguments("TcpStream", args, keywords);
        auto carrier = to_transport(arguments, signal_raised);
        return make_stream<blocking_stream>(arguments.pool, arguments.config, std::move(carrier));
    }));
    bound.attr("DEFAULT_BUFFER_SIZE") = tcp_options::default_buffer_size;
}

void bind_asyncio(const stream_modules& modules) {
    py::class_<connect_token, std::shared_ptr<connect_token>>(modules.engine, "ConnectToken")
        .def(py::init<>())
        .def("cancel", &connect_token::cancel);

    auto bound = bind_stream<asyncio_stream, tcp_transport>(modules, doc());
    bound.def(py::init([](const py::args& args, const py::kwargs& all_keywords) {
        // connect() gives a token; without one, nothing is done that would block.
        const auto keywords = py::reinterpret_steal<py::kwargs>(PyDict_Copy(all_keywords.ptr()));
        std::shared_ptr<connect_token> token;
        if (keywords.contains("_token"))
            token = keywords.attr("pop")("_token").cast<std::shared_ptr<connect_token>>();
        network_arguments arguments = sort_network_arguments("TcpStream", args, keywords);
        if (!token && !arguments.socket)
            throw py::type_error(
                "TcpStream() of spead2.send.asyncio needs a connected socket; to connect to an "
                "endpoint, use: await TcpStream.connect(...)");
        auto carrier =
            to_transport(arguments, [token] { return token != nullptr && token->cancelled(); });
        return make_stream<asyncio_stream>(arguments.pool, arguments.config, std::move(carrier));
    }));
    bound.attr("DEFAULT_BUFFER_SIZE") = tcp_options::default_buffer_size;
}

}  // namespace

template <>
void bind_transport<tcp_transport>(const stream_modules& modules) {
    bind_blocking(modules);
    bind_asyncio(modules);
}

}  // namespace spead2::python
