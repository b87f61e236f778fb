// SPDX-License-Identifier: Apache-2.0
// AsyncStream: heaps are queued at once, futures tell when they are sent.
//
// Small heaps are sent by the thread of the event loop itself, as far as the transport takes them
// without waiting: they are queued as they come, and the stream is kicked for several at once, at
// the latest in the next turn of the loop. Neither threads nor descriptors are woken for that, and
// futures can be set before the loop is entered again - for a limited time, so that a task which
// only ever awaits futures that are done leaves the loop to others. Should the loop not get to its
// next turn soon, a worker sends the heaps: all this is stream::gather().
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

#include "bindings.h"
#include "enums.h"
#include "event_loops.h"
#include "heap.h"
#include "stream.h"
#include "support/arguments.h"
#include "support/extension_type.h"
#include "support/objects.h"

namespace spead2::python {

namespace {

using clock = std::chrono::steady_clock;

// For so long futures are set without a turn of the loop.
constexpr std::chrono::microseconds turn_limit{200};

struct {
    PyObject* running_loop_key;
    PyObject* get_running_loop;
    PyObject* get_event_loop;
    PyObject* future_class;
    PyObject* invalid_state_error;
    PyObject* plain_create_future;  // BaseEventLoop.create_future
    PyObject* create_future;
    PyObject* call_soon;
    PyObject* add_reader;
    PyObject* remove_reader;
    PyObject* set_result;
    PyObject* set_exception;
    PyObject* future_set_result;  // method of future_class
    PyObject* process_callbacks;
    PyObject* loop_keyword;
} names;

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

/// The running loop of this thread, or None.
///
/// Up to Python 3.13, asyncio makes a system call each time it is asked. But it also notes each
/// change of the running loop by a new object in the thread's dictionary: as long as that is the
/// same, the answer is too.
py::object running_loop() {
    static PyObject* last_note = nullptr;  // owned, so no other object can be at its address
    static PyObject* last_loop = nullptr;  // owned
    PyObject* const dict = PyThreadState_GetDict();
    PyObject* const found =
        dict == nullptr ? nullptr : PyDict_GetItemWithError(dict, names.running_loop_key);
    if (found != nullptr && found == last_note)
        return py::reinterpret_borrow<py::object>(last_loop);
    if (found == nullptr && PyErr_Occurred() != nullptr) throw py::error_already_set();
    auto note = py::reinterpret_borrow<py::object>(found);
    py::object loop = steal(run_python<PyObject_CallNoArgs>(names.get_running_loop));
    if (note) {
        PyObject* const old_note = std::exchange(last_note, note.release().ptr());
        PyObject* const old_loop = std::exchange(last_loop, loop.inc_ref().ptr());
        // Other threads may come here while this runs Python code.
        run_python<Py_DecRef>(old_note);
        run_python<Py_DecRef>(old_loop);
    }
    return loop;
}

/// The running loop, or else the one that is set for this thread.
py::object current_loop() {
    py::object loop = running_loop();
    if (loop.is_none()) loop = steal(run_python<PyObject_CallNoArgs>(names.get_event_loop));
    return loop;
}

py::object make_future(PyObject* loop) {
    if (_PyType_Lookup(Py_TYPE(loop), names.create_future) == names.plain_create_future) {
        const std::array<PyObject*, 1> args{loop};
        return steal(run_python<PyObject_Vectorcall>(names.future_class, args.data(), 0,
                                                     names.loop_keyword));
    }
    return steal(run_python<PyObject_CallMethodNoArgs>(loop, names.create_future));
}

py::object make_os_error(int code, const std::string& text) {
    return steal(PyObject_CallFunction(PyExc_OSError, "is", code, text.c_str()));
}

// ---- Telling futures

/// Set a future, unless it is done (cancelled). A closed loop does not matter any more.
void settle(PyObject* future, PyObject* method, PyObject* value) {
    PyObject* result = nullptr;
    if (method == names.set_result &&
        Py_TYPE(future) == reinterpret_cast<PyTypeObject*>(names.future_class)) {
        const std::array<PyObject*, 2> args{future, value};
        result = run_python<PyObject_Vectorcall>(names.future_set_result, args.data(), 2, nullptr);
    } else {
        result = run_python<PyObject_CallMethodOneArg>(future, method, value);
    }
    if (result == nullptr) {
        if (PyErr_ExceptionMatches(names.invalid_state_error) == 0 &&
            PyErr_ExceptionMatches(PyExc_RuntimeError) == 0)
            throw py::error_already_set();
        PyErr_Clear();
    }
    Py_XDECREF(result);
}

/// What a finished group has to say to its future.
struct outcome {
    py::object future;
    PyObject* method;
    py::object value;
};

/// A number as a Python object; mostly the same as last time.
py::object number(std::uint64_t value) {
    static std::uint64_t last = 0;
    static PyObject* object = PyLong_FromLong(0);
    if (value != last || object == nullptr) {
        PyObject* const made = steal(PyLong_FromUnsignedLongLong(value)).release().ptr();
        Py_XDECREF(std::exchange(object, made));
        last = value;
    }
    return py::reinterpret_borrow<py::object>(object);
}

outcome make_outcome(asyncio_group& group, const stream& s) {
    outcome result{py::reinterpret_steal<py::object>(group.take_future()), names.set_result,
                   py::none()};
    if (group.refusal() != 0) {
        result.method = names.set_exception;
        result.value = make_os_error(group.refusal(), group.refusal_text());
    } else if (group.error()) {
        result.method = names.set_exception;
        result.value = make_os_error(group.error().value(), s.explain(group));
    } else if (group.size() != 0) {
        result.value = number(group.bytes_sent());
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
            settle(o.future.ptr(), o.method, o.value.ptr());
        } catch (...) {
            set_python_error();  // those behind it are to be told all the same
        }
        if (PyErr_Occurred() != nullptr) run_python<PyErr_WriteUnraisable>(names.process_callbacks);
    }
}

// ---- Waking the loop

py::object bound_callback(PyObject* self) {
    return steal(run_python<PyObject_GetAttr>(self, names.process_callbacks));
}

/// Have the loop listen while futures are pending. In its thread.
void update_listening(PyObject* self, loop_state& state) {
    if ((state.pending != 0) == state.listening) return;
    const py::object fd = steal(PyLong_FromLong(state.fd()));
    const py::object loop = state.loop;  // kept: what it runs may give the state to another one
    if (state.listening) {
        state.set_signalling(false);
        state.listening = false;
        steal(run_python<PyObject_CallMethodOneArg>(loop.ptr(), names.remove_reader, fd.ptr()));
    } else {
        const py::object callback = bound_callback(self);
        steal(run_python<PyObject_CallMethodObjArgs>(loop.ptr(), names.add_reader, fd.ptr(),
                                                     callback.ptr(), nullptr));
        if (!state.loop.is(loop)) return;
        state.listening = true;
        state.set_signalling(true);
    }
}

/// Have the loop call process_callbacks() in its next turn.
void schedule(PyObject* self, loop_state& state) {
    if (state.scheduled) return;
    const py::object loop = state.loop;
    const py::object callback = bound_callback(self);
    steal(run_python<PyObject_CallMethodOneArg>(loop.ptr(), names.call_soon, callback.ptr()));
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
    static constexpr std::array<const char*, 4> parameters{"heap", "cnt", "substream_index",
                                                           "rate"};
    std::array<PyObject*, 4> values;
    std::int64_t cnt = -1;
    std::size_t substream_index = 0;
    double rate = -1.0;
    if (!sort_arguments("async_send_heap", parameters, 1, 4, args, n_args, keywords, values))
        return nullptr;
    const heap_object* const h = to_heap(values[0]);
    if (h == nullptr || (values[1] != nullptr && !to_integer(values[1], "cnt", cnt)) ||
        (values[2] != nullptr && !to_integer(values[2], "substream_index", substream_index)) ||
        (values[3] != nullptr && !to_rate(values[3], rate)))
        return nullptr;
    asyncio_stream* const s = to_sending(self);
    if (s == nullptr) return nullptr;
    try {
        pending_state pending(*s);
        auto group = pending.make_group();
        group->add({h->value.contents(), cnt, substream_index, rate}, s->max_packet_size());
        return queue(self, *s, pending, std::move(group));
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

PyObject* async_send_heaps(PyObject* self, PyObject* const* args, Py_ssize_t n_args,
                           PyObject* keywords) {
    static constexpr std::array<const char*, 3> parameters{"heaps", "mode", "turn_packets"};
    std::array<PyObject*, 3> values;
    group_mode mode{};
    std::size_t turn_packets = 0;
    if (!sort_arguments("async_send_heaps", parameters, 2, 2, args, n_args, keywords, values) ||
        !to_group_mode(values[1], mode) || !to_turn_packets(values[2], turn_packets))
        return nullptr;
    asyncio_stream* const s = to_sending(self);
    if (s == nullptr) return nullptr;
    try {
        heap_references heaps(values[0]);
        pending_state pending(*s);
        auto group = pending.make_group();
        if (heaps.size() == 0) {
            const std::system_error refusal(std::make_error_code(std::errc::invalid_argument),
                                            "heaps is empty, but needs at least one HeapReference");
            group->refuse(refusal);
            py::object future = py::reinterpret_borrow<py::object>(group->future());
            schedule(self, pending.get());
            pending.keep();
            pending.get().push(*group.release());
            log_refusal(*s, refusal);
            return future.release().ptr();
        }
        group->set_mode(mode);
        group->set_turn_packets(turn_packets);
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

PyObject* attribute(const char* module, const char* name) {
    return py::object(py::module_::import(module).attr(name)).release().ptr();
}

void find_names() {
    names.running_loop_key = intern("__asyncio_running_event_loop__");
    names.get_running_loop = attribute("asyncio", "_get_running_loop");
    names.get_event_loop = attribute("asyncio", "get_event_loop");
    names.future_class = attribute("asyncio", "Future");
    names.invalid_state_error = attribute("asyncio", "InvalidStateError");
    names.future_set_result =
        py::object(py::handle(names.future_class).attr("set_result")).release().ptr();
    names.plain_create_future =
        py::object(py::module_::import("asyncio").attr("BaseEventLoop").attr("create_future"))
            .release()
            .ptr();
    names.create_future = intern("create_future");
    names.call_soon = intern("call_soon");
    names.add_reader = intern("add_reader");
    names.remove_reader = intern("remove_reader");
    names.set_result = intern("set_result");
    names.set_exception = intern("set_exception");
    names.process_callbacks = intern("process_callbacks");
    names.loop_keyword = py::make_tuple("loop").release().ptr();
}

}  // namespace

void register_asyncio_stream(py::module_& m) {
    find_names();
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
    add_methods(bound, methods.data(), methods.size());
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
