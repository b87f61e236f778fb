// SPDX-License-Identifier: Apache-2.0
// The classes of streams over a transport of the table (spead2/send/transports/table.h), one whose calls
// wait and one for asyncio, made from what the transport says of itself: its arguments are given by
// place or name, its options by name.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <spead2/send/transports/table.h>

#include "stream.h"
#include "support/argument_values.h"

namespace spead2::python {

/// Add a constructor: Stream(thread_pool, *arguments, config, **options).
template <typename Base, typename Transport, std::size_t... I>
void add_constructor(stream_class<Base, Transport>& bound, std::index_sequence<I...>) {
    using options_type = Transport::options_type;
    bound.def(py::init([](const std::shared_ptr<thread_pool>& pool,
                          const object_argument<I>&... arguments, const stream_config& config,
                          const py::kwargs& keywords) {
                  auto options = options_by_keyword<options_type>(Transport::info.stream, keywords);
                  auto loaded = load_arguments<options_type>(arguments...);
                  const stream_config copy = config;  // others may change it without the GIL
                  std::unique_ptr<Transport> carrier;
                  {
                      const gil_release released;
                      set_arguments(options, loaded);
                      carrier = send::make_transport<Transport>(options, copy);
                  }
                  return make_stream<Base>(pool, copy, std::move(carrier));
              }),
              py::arg("thread_pool"), argument_place<options_type, I>()...,
              py::arg("config") = stream_config());
}

template <typename Transport>
[[nodiscard]] std::string doc_of_stream() {
    using options_type = Transport::options_type;
    std::vector<option_row> rows = argument_texts<options_type>();
    rows.insert(rows.begin(), {"thread_pool", "ThreadPool", {}, "Its threads send.", {}});
    rows.push_back({"config", "StreamConfig", {}, "Is copied.", {}});
    for (option_row& row : option_rows<options_type>()) rows.push_back(std::move(row));
    return std::string(Transport::info.text) + "\n" + parameters_section(rows) + R"(
Raises
------
ValueError
    If an argument makes no sense; the text names it and the limit.
RuntimeError
    If a host is not found ("Host not found"), or what it needs is not on this machine.
OSError
    If the operating system refuses.
)";
}

/// Add the classes of a transport, those that follow from its arguments and options. Streams that
/// are made in a way of their own have a file of their own, and their names below.
template <typename Transport>
void bind_transport(const stream_modules& modules) {
    using options_type = Transport::options_type;
    const std::string doc = doc_of_stream<Transport>();
    auto blocking = bind_stream<blocking_stream, Transport>(modules, doc);
    add_constructor(blocking, argument_indices<options_type>());
    auto asyncio = bind_stream<asyncio_stream, Transport>(modules, doc);
    add_constructor(asyncio, argument_indices<options_type>());
    publish_options(modules.engine, Transport::info.stream, option_rows<options_type>());
}

template <>
void bind_transport<send::bytes_transport>(const stream_modules& modules);
template <>
void bind_transport<send::inproc_transport>(const stream_modules& modules);
template <>
void bind_transport<send::tcp_transport>(const stream_modules& modules);
template <>
void bind_transport<send::udp_transport>(const stream_modules& modules);
template <>
void bind_transport<send::udp_ibv_transport>(const stream_modules& modules);

/// What is asked of it without a stream: its owner reads it.
template <>
struct argument_value<std::vector<send::ibv_memory_region>> {
    static std::string type() { return "iterable of buffers"; }
    static std::string stub() { return "Sequence[Any]"; }
    static py::object show(const std::vector<send::ibv_memory_region>&) { return py::list(); }
};

}  // namespace spead2::python
