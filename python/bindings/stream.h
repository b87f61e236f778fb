// SPDX-License-Identifier: Apache-2.0
// Classes of streams: one blocking class a transport, all of them derived from Stream.
#pragma once

#include <memory>
#include <utility>

#include <spead2/send/stream.h>

#include "python.h"

namespace spead2::python {

/// A stream over one kind of transport, as a type of its own. Neither it nor stream may have
/// virtual functions: pybind11 hands the same pointer to those who ask for the base class, which
/// other modules do.
template <typename Transport>
class blocking_stream : public stream {
public:
    blocking_stream(std::shared_ptr<thread_pool> pool, const stream_config& config,
                    std::unique_ptr<Transport> carrier)
        : stream(std::move(pool), config, std::move(carrier)) {}
};

template <typename Transport>
using blocking_stream_class =
    py::class_<blocking_stream<Transport>, stream, std::shared_ptr<blocking_stream<Transport>>>;

/// Give a class send_heap() and send_heaps().
void add_blocking_methods(const py::handle& bound);

/// Bind the class of blocking streams over \a Transport; constructors are the caller's.
template <typename Transport>
blocking_stream_class<Transport> bind_blocking_stream(py::module_& m, const char* name,
                                                      const char* doc) {
    static_assert(!std::is_polymorphic_v<blocking_stream<Transport>>);
    blocking_stream_class<Transport> bound(m, name, doc);
    add_blocking_methods(bound);
    return set_module(bound, "spead2.send");
}

/// Make a stream; its destructor, which waits for what is queued, will run without the GIL.
template <typename Stream, typename Transport>
[[nodiscard]] std::shared_ptr<Stream> make_stream(std::shared_ptr<thread_pool> pool,
                                                  const stream_config& config,
                                                  std::unique_ptr<Transport> carrier) {
    static_assert(!std::is_polymorphic_v<Stream>);
    if (!pool) throw py::type_error("thread_pool must be a ThreadPool, not None");
    return make_shared_without_gil<Stream>(std::move(pool), config, std::move(carrier));
}

/// The stream in a Python object. \return null (with TypeError set) if it is none
[[nodiscard]] stream* to_stream(PyObject* object) noexcept;

}  // namespace spead2::python
