// SPDX-License-Identifier: Apache-2.0
// Classes of streams: for each transport one whose calls wait (derived from SyncStream) and one
// for asyncio (derived from AsyncStream); both derive from Stream.
//
// None of these C++ classes may have virtual functions: pybind11 hands the same pointer to those
// who ask for a base class, which other modules do.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <spead2/send/stream.h>

#include "engine.h"
#include "support/python.h"

namespace spead2::python {

template <std::derived_from<stream> T>
inline constexpr bool is_bound<T> = true;

/// A stream whose calls wait until the heaps are sent.
class blocking_stream : public stream {
public:
    static constexpr const char* python_module = "spead2.send";
    using stream::stream;
};

/// What an asyncio_stream shares with its groups in flight; see event_loops.h.
class event_loops;
[[nodiscard]] std::shared_ptr<event_loops> make_event_loops();

/// A stream whose calls return futures.
class asyncio_stream : public stream {
public:
    static constexpr const char* python_module = "spead2.send.asyncio";
    asyncio_stream(std::shared_ptr<thread_pool> pool, const stream_config& config,
                   std::unique_ptr<transport> carrier)
        : stream(std::move(pool), config, std::move(carrier)), loops_(make_event_loops()) {}
    [[nodiscard]] const std::shared_ptr<event_loops>& get_loops() const noexcept { return loops_; }

private:
    std::shared_ptr<event_loops> loops_;
};

/// Where the classes of streams are put: in spead2._spead2.streams those that
/// spead2.send offers, in asyncio_streams those of spead2.send.asyncio. Both packages take all names in
/// their lists __all__.
struct stream_modules {
    py::module_ engine;  ///< spead2._spead2 itself
    py::module_ blocking;
    py::module_ asyncio;

    template <typename Base>
    [[nodiscard]] const py::module_& of() const {
        return std::is_same_v<Base, asyncio_stream> ? asyncio : blocking;
    }
};

/// Add a class to the list of what a package takes from a module.
inline void offer(const py::module_& m, const char* name) {
    m.attr("__all__").attr("append")(name);
}

/// A stream over one kind of transport, as a type of its own.
template <typename Base, typename Transport>
class stream_over : public Base {
public:
    stream_over(std::shared_ptr<thread_pool> pool, const stream_config& config,
                std::unique_ptr<Transport> carrier)
        : Base(std::move(pool), config, std::move(carrier)) {}
};

template <typename Base, typename Transport>
using stream_class =
    py::class_<stream_over<Base, Transport>, Base, std::shared_ptr<stream_over<Base, Transport>>>;

/// Bind the class of streams over \a Transport; constructors are the caller's.
/// \tparam Base  blocking_stream or asyncio_stream
template <typename Base, typename Transport>
stream_class<Base, Transport> bind_stream(const stream_modules& modules, const std::string& doc) {
    static_assert(!std::is_polymorphic_v<stream_over<Base, Transport>>);
    const char* const name = Transport::info.stream;
    stream_class<Base, Transport> bound(modules.of<Base>(), name, doc.c_str());
    offer(modules.of<Base>(), name);
    return set_module(bound, Base::python_module);
}

/// Make a stream. It keeps its thread pool. Its destructor, which waits for what is queued, will
/// run without the GIL.
/// \tparam Stream  derived from blocking_stream or asyncio_stream
template <typename Stream, typename... Args>
[[nodiscard]] std::shared_ptr<Stream> make_stream_object(const std::shared_ptr<thread_pool>& pool,
                                                         Args&&... args) {
    static_assert(!std::is_polymorphic_v<Stream>);
    if (!pool) throw py::type_error("thread_pool must be a ThreadPool, not None");
    auto made = std::make_unique<Stream>(pool, std::forward<Args>(args)...);
    if constexpr (std::is_base_of_v<asyncio_stream, Stream>) {
        // Groups that finish while the stream is destroyed need a place to go to.
        auto destroy = [pool, last = made->get_loops()](Stream* s) {
            // After a fork, lost threads may have their locks for ever.
            if (s->is_forked())
                static_cast<void>(std::make_unique<std::shared_ptr<event_loops>>(last).release());
            delete_without_gil{}(s);
        };
        return {made.release(), std::move(destroy)};
    } else {
        return {made.release(), [pool](Stream* s) { delete_without_gil{}(s); }};
    }
}

template <typename Base, typename Transport>
[[nodiscard]] auto make_stream(const std::shared_ptr<thread_pool>& pool,
                               const stream_config& config, std::unique_ptr<Transport> carrier) {
    return make_stream_object<stream_over<Base, Transport>>(pool, config, std::move(carrier));
}

/// The stream in a Python object. \return null (with TypeError set) if it is none
[[nodiscard]] stream* to_stream(PyObject* object) noexcept;

/// The bytes sent of a group that is complete.
[[nodiscard]] py::object bytes_sent(const heap_group& group);

/// Log that nothing was queued, but not every time if it happens often. As log_warning().
void log_refusal(stream& s, const std::system_error& refusal) noexcept;

/// Block without the GIL until all that is queued is sent. \throw py::error_already_set
void flush(stream& s);

}  // namespace spead2::python
