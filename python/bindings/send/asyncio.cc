// SPDX-License-Identifier: Apache-2.0
// AsyncStream: heaps are queued at once, futures tell when they are sent.
//
// Small heaps are sent by the thread of the event loop itself, as far as the transport takes them
// without waiting: they are queued as they come, and the stream is kicked for several at once, at
// the latest in the next turn of the loop. Neither threads nor descriptors are woken for that, and
// futures can be set before the loop is entered again - for a limited time, so that a task which
// only ever awaits futures that are done leaves the loop to others. Should the loop not get to its
// next turn soon, a worker sends the heaps. Where many are in flight and that is faster, a worker sends
// while the loop's thread makes more. All this is stream::gather().
//
// Large heaps, and what cannot go at once, are left to a worker. It puts finished groups into a
// list and, while the loop listens, makes a descriptor readable.
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "asyncio_calls.h"
#include "bindings.h"
#include "event_loops.h"
#include "send_arguments.h"
#include "stream.h"
#include "support/extension_type.h"
#include "support/objects.h"

namespace spead2::python {

namespace {

using clock = std::chrono::steady_clock;

// For so long futures are set without a turn of the loop.
constexpr std::chrono::microseconds turn_limit{200};

PyObject* process_callbacks_name = nullptr;

asyncio_stream* to_asyncio(PyObject* self) noexcept {
    return static_cast<asyncio_stream*>(to_stream(self));
}

/// The same for those who are to queue something, which is not possible after a fork: whatever is
/// shared with the lost threads stays alone then.
asyncio_stream* to_sending(PyObject* self) noexcept {
    asyncio_stream* const s = to_asyncio(self);
    if (s == nullptr || !s->is_forked()) return s;
    set_os_error(ECANCELED, "the stream belongs to the process that this one was forked from");
    return nullptr;
}

py::object make_os_error(int code, const std::string& text) {
    return steal(PyObject_CallFunction(PyExc_OSError, "is", code, text.c_str()));
}

// ---- Telling futures

/// What a finished group has to say to its future.
struct outcome {
    py::object future;
    bool failed;
    py::object value;  ///< result, or exception
};

outcome make_outcome(asyncio_group& group, const stream& s) {
    outcome result{py::reinterpret_steal<py::object>(group.take_future()), false, py::none()};
    if (group.refusal() != 0) {
        result.failed = true;
        result.value = make_os_error(group.refusal(), group.refusal_text());
    } else if (group.error()) {
        result.failed = true;
        result.value = make_os_error(group.error().value(), s.explain(group));
    } else if (group.size() != 0) {
        result.value = bytes_sent(group);
    }
    return result;
}

/// Tell the futures of all groups that are finished. In the thread of their loop.
void deliver(const stream& s, loop_state& state) {
    asyncio_group* next = state.take();
    while (next != nullptr) {
        std::unique_ptr<asyncio_group> group(next);
        next = group->next;
        --state.pending;
        try {
            const outcome o = make_outcome(*group, s);
            state.destroy(std::move(group));  // when a future is done, nothing holds its heaps
            if (o.failed)
                set_future_exception(o.future.ptr(), o.value.ptr());
            else
                set_future_result(o.future.ptr(), o.value.ptr());
        } catch (...) {
            set_python_error();  // those behind it are to be told all the same
        }
        if (PyErr_Occurred() != nullptr) run_python<PyErr_WriteUnraisable>(process_callbacks_name);
    }
}

// ---- Waking the loop

py::object bound_callback(PyObject* self) {
    return steal(run_python<PyObject_GetAttr>(self, process_callbacks_name));
}

/// Have the loop listen while futures are pending. In its thread.
void update_listening(PyObject* self, loop_state& state) {
    if ((state.pending != 0) == state.listening) return;
    const py::object fd = steal(PyLong_FromLong(state.fd()));
    const py::object loop = state.loop;  // kept: what it runs may give the state to another one
    if (state.listening) {
        state.set_signalling(false);
        state.listening = false;
        remove_reader(loop, fd);
    } else {
        add_reader(loop, fd, bound_callback(self));
        if (!state.loop.is(loop)) return;
        state.listening = true;
        state.set_signalling(true);
    }
}

/// Have the loop call process_callbacks() in its next turn.
void schedule(PyObject* self, loop_state& state) {
    if (state.scheduled) return;
    const py::object loop = state.loop;
    call_soon(loop, bound_callback(self));
    state.scheduled = true;
    state.turn_end = clock::now() + turn_limit;
}

/// Send what is gathered, as far as it goes without waiting.
void kick(asyncio_stream& s) {
    const gil_release released;
    s.kick(drive::caller);
}

PyObject* process_callbacks(PyObject* self, PyObject*) {
    asyncio_stream* const s = to_asyncio(self);
    if (s == nullptr) return nullptr;
    if (s->is_forked()) Py_RETURN_NONE;
    try {
        loop_state* const state = s->get_loops()->find(running_loop());
        if (state != nullptr) {
            state->scheduled = false;
            if (state->listening) state->clear_signal();
            if (s->gathered()) kick(*s);
            deliver(*s, *state);
            update_listening(self, *state);
            if (state->pending == 0 && !state->scheduled) state->loop = py::object();
        }
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    Py_RETURN_NONE;
}

// ---- Sending

/// The state of the current loop, which keeps that loop for a future to come: making one, or asking
/// for a turn, may run code that has the stream give up loops for which nothing is pending.
class pending_state {
public:
    explicit pending_state(asyncio_stream& s) : state_(s.get_loops()->get(current_loop())) {
        ++state_.pending;
    }
    pending_state(const pending_state&) = delete;
    pending_state& operator=(const pending_state&) = delete;
    ~pending_state() {
        if (!kept_) --state_.pending;
    }
    [[nodiscard]] loop_state& get() const noexcept { return state_; }
    [[nodiscard]] std::unique_ptr<asyncio_group> make_group() const {
        const py::object loop = state_.loop;
        return state_.make_group(make_future(loop.ptr()).release().ptr());
    }
    /// The future will be told.
    void keep() noexcept { kept_ = true; }

private:
    loop_state& state_;
    bool kept_ = false;
};

/// Queue a group; its future is the result.
PyObject* queue(PyObject* self, asyncio_stream& s, pending_state& pending,
                std::unique_ptr<asyncio_group> group) {
    loop_state& state = pending.get();
    asyncio_group* const g = group.get();
    py::object future = py::reinterpret_borrow<py::object>(g->future());
    std::unique_ptr<heap_group> queued = std::move(group);
    schedule(self, state);
    bool enough = false;
    // Not told within the catch block: see refuse() in stream.cc.
    std::optional<std::system_error> refusal;
    try {
        enough = s.gather(queued);
    } catch (const std::system_error& e) {
        refusal = e;
    }
    pending.keep();
    if (refusal) {
        // As everything that concerns the queue, this is told by the future.
        g->refuse(*refusal);
        static_cast<void>(queued.release());
        state.push(*g);
        log_refusal(s, *refusal);
    } else if (enough && clock::now() < state.turn_end) {
        kick(s);
        deliver(s, state);
    }
    return future.release().ptr();
}

PyObject* async_send_heap(PyObject* self, PyObject* const* args, Py_ssize_t n_args,
                          PyObject* keywords) {
    sent_heap sent;
    if (!to_sent_heap("async_send_heap", args, n_args, keywords, sent)) return nullptr;
    asyncio_stream* const s = to_sending(self);
    if (s == nullptr) return nullptr;
    try {
        pending_state pending(*s);
        auto group = pending.make_group();
        group->add({sent.object->value.contents(), sent.cnt, sent.substream_index, sent.rate},
                   s->max_packet_size());
        return queue(self, *s, pending, std::move(group));
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

PyObject* async_send_heaps(PyObject* self, PyObject* const* args, Py_ssize_t n_args,
                           PyObject* keywords) {
    sent_heaps sent;
    if (!to_sent_heaps("async_send_heaps", args, n_args, keywords, sent)) return nullptr;
    asyncio_stream* const s = to_sending(self);
    if (s == nullptr) return nullptr;
    try {
        heap_references heaps(sent.heaps);
        pending_state pending(*s);
        auto group = pending.make_group();
        if (heaps.size() == 0) {
            const std::system_error refusal = no_heaps();
            group->refuse(refusal);
            py::object future = py::reinterpret_borrow<py::object>(group->future());
            schedule(self, pending.get());
            pending.keep();
            pending.get().push(*group.release());
            log_refusal(*s, refusal);
            return future.release().ptr();
        }
        group->set_mode(sent.mode);
        group->set_turn_packets(sent.turn_packets);
        heaps.add_to(*group, s->max_packet_size());
        return queue(self, *s, pending, std::move(group));
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

/// A future for what is queued so far.
PyObject* flush_future(PyObject* self, PyObject*) {
    asyncio_stream* const s = to_sending(self);
    if (s == nullptr) return nullptr;
    try {
        pending_state pending(*s);
        return queue(self, *s, pending, pending.make_group());
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

}  // namespace

void register_asyncio_stream(py::module_& m) {
    find_asyncio();
    process_callbacks_name = intern("process_callbacks");
    static std::array<PyMethodDef, 4> methods{{
        {"async_send_heap", method(async_send_heap), METH_FASTCALL | METH_KEYWORDS,
         R"(async_send_heap($self, heap, cnt=-1, substream_index=0, rate=-1.0)
--

Queue a heap to be sent. Not a coroutine: the heap is queued by the call itself.

Parameters
----------
heap : Heap
cnt : int
    Heap cnt; negative: the next of the stream's sequence.
substream_index : int
    Substream to send to.
rate : float
    Bytes per second; 0: no limit; negative: the stream's.

Returns
-------
asyncio.Future
    Its result is the number of bytes sent. It has BlockingIOError set if the queue is full,
    OSError if `substream_index` or `cnt` is out of range (EINVAL), or sending failed. If it is
    cancelled, the heap is sent nevertheless.

Raises
------
ValueError
    If the heap does not fit the packet size, or `rate` is not a number.
)"},
        {"async_send_heaps", method(async_send_heaps), METH_FASTCALL | METH_KEYWORDS,
         R"(async_send_heaps($self, heaps, mode, *, turn_packets=None)
--

Queue a group of heaps to be sent, all or none. Not a coroutine, like :meth:`async_send_heap`.

Parameters
----------
heaps : HeapReferenceList or iterable of HeapReference
mode : GroupMode
    Order of the packets.
turn_packets : int, optional
    Packets that a heap sends in its turn, with GroupMode.ROUND_ROBIN; None: those of the stream's
    configuration.

Returns
-------
asyncio.Future
    Its result is the number of bytes sent; exceptions are those of :meth:`async_send_heap`, and
    OSError (EINVAL) if `heaps` is empty.

Raises
------
ValueError
    If a heap does not fit the packet size, a rate is not a number, or `turn_packets` is 0.
)"},
        {"_flush_future", flush_future, METH_NOARGS, nullptr},
        {"process_callbacks", process_callbacks, METH_NOARGS,
         "process_callbacks($self, /)\n--\n\n"
         "Set the futures of what is sent. The event loop calls it."},
    }};
    auto bound = py::class_<asyncio_stream, stream, std::shared_ptr<asyncio_stream>>(
        m, "AsyncStream", "Base of the streams whose calls return futures.");
    add_methods(bound, methods);
    bound
        .def_property_readonly(
            "fd", [](const asyncio_stream& self) { return self.get_loops()->first().fd(); },
            "Descriptor that is readable when futures are to be set while the loop sleeps.")
        .def(
            "flush", [](asyncio_stream& self) { flush(self); },
            "Block until all heaps queued so far are sent. Futures are set when the loop runs.");
    set_module(bound, "spead2.send.asyncio");
}

}  // namespace spead2::python
