// SPDX-License-Identifier: Apache-2.0
// AsyncStream: heaps are queued at once, futures tell when they are sent.
//
// Small heaps are sent by the thread of the event loop itself, as far as the transport takes them
// without waiting: they are queued as they come, and the stream is kicked for several at once, at
// the latest in the next turn of the loop. Neither threads nor descriptors are woken for that, and
// futures can be set before the loop is entered again - for a limited time, so that a task which
// only ever awaits futures that are done leaves the loop to others. Should the loop not get to its
// next turn soon, the heaps are given to a worker (see reminder.h).
//
// Large heaps, and what cannot go at once, are left to a worker. It puts finished groups into a
// list and, while the loop listens, makes a descriptor readable.
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <string>
#include <system_error>
#include <vector>

#include "arguments.h"
#include "bindings.h"
#include "enums.h"
#include "extension_type.h"
#include "heap.h"
#include "reminder.h"
#include "stream.h"

namespace spead2::python {

namespace {

using clock = std::chrono::steady_clock;

// Groups of this many bytes of payload are worth waking a worker for, which sends them while the
// loop goes on with something else.
constexpr std::uint64_t worker_bytes = 64 * 1024;
// So much is queued before the stream is kicked: the gain of larger batches is small.
constexpr std::size_t kick_heaps = 16;
constexpr std::uint64_t kick_bytes = 128 * 1024;
// For so long futures are set without a turn of the loop.
constexpr std::chrono::microseconds turn_limit{200};

/// Memory of groups that are gone, for those to come: malloc is slow for so many at once.
class group_memory {
public:
    static constexpr std::size_t max_blocks = 256;

    [[nodiscard]] void* get(std::size_t size) {
        {
            const std::lock_guard lock(mutex_);
            if (!blocks_.empty()) {
                void* const block = blocks_.back();
                blocks_.pop_back();
                return block;
            }
        }
        return ::operator new(size);
    }
    void put(void* block) noexcept {
        {
            const std::lock_guard lock(mutex_);
            if (blocks_.size() < max_blocks) {
                blocks_.push_back(block);
                return;
            }
        }
        ::operator delete(block);
    }
    [[nodiscard]] static group_memory& instance() {
        static group_memory* const only = std::make_unique<group_memory>().release();
        return *only;
    }

    group_memory() { blocks_.reserve(max_blocks); }

private:
    std::mutex mutex_;
    std::vector<void*> blocks_;
};

class asyncio_group final : public heap_group {
public:
    static void* operator new(std::size_t size) { return group_memory::instance().get(size); }
    static void operator delete(void* block) noexcept { group_memory::instance().put(block); }

    /// \param future  a reference to it is taken over
    asyncio_group(completions& finished, PyObject* future, PyObject* loop) noexcept
        : finished_(finished), future_(future), loop_(loop) {}
    ~asyncio_group() override {
        if (future_ != nullptr) release_reference(future_);
    }
    [[nodiscard]] PyObject* future() const noexcept { return future_; }
    [[nodiscard]] PyObject* take_future() noexcept { return std::exchange(future_, nullptr); }
    /// Which the future belongs to and keeps alive.
    [[nodiscard]] PyObject* loop() const noexcept { return loop_; }

    /// The stream would not have it.
    void refuse(const std::system_error& e) {
        refusal_ = e.code().value();
        refusal_text_ = e.what();
    }
    [[nodiscard]] int refusal() const noexcept { return refusal_; }
    [[nodiscard]] const std::string& refusal_text() const noexcept { return refusal_text_; }

    asyncio_group* next = nullptr;

private:
    void complete() noexcept override;

    completions& finished_;  // outlives the stream, which outlives its groups
    PyObject* future_;
    PyObject* loop_;
    int refusal_ = 0;
    std::string refusal_text_;
};

struct {
    PyObject* running_loop_key;
    PyObject* get_running_loop;
    PyObject* get_event_loop;
    PyObject* future_class;
    PyObject* invalid_state_error;
    PyObject* plain_create_future;  // BaseEventLoop.create_future
    PyObject* settle;
    PyObject* create_future;
    PyObject* call_soon;
    PyObject* call_soon_threadsafe;
    PyObject* add_reader;
    PyObject* remove_reader;
    PyObject* is_closed;
    PyObject* is_running;
    PyObject* set_result;
    PyObject* set_exception;
    PyObject* future_set_result;  // method of future_class
    PyObject* process_callbacks;
    PyObject* loop_keyword;
} names;

py::object steal(PyObject* object) {
    if (object == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(object);
}

bool is_true(const py::object& object) {
    const int result = PyObject_IsTrue(object.ptr());
    if (result < 0) throw py::error_already_set();
    return result != 0;
}

}  // namespace

/// Groups that are finished, and who is to hear of it. The list is shared with whoever drives the
/// stream; all other members belong to those who hold the GIL.
class completions {
public:
    completions() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (fd_ < 0)
            throw std::system_error(errno, std::generic_category(),
                                    "cannot make a descriptor for the event loop");
    }
    completions(const completions&) = delete;
    completions& operator=(const completions&) = delete;
    ~completions() {
        for (asyncio_group* g = take(); g != nullptr;) {
            const std::unique_ptr<asyncio_group> owned(g);
            g = g->next;
        }
        ::close(fd_);
    }

    [[nodiscard]] int fd() const noexcept { return fd_; }

    /// Takes the group over.
    void push(asyncio_group& group) noexcept {
        const std::lock_guard lock(mutex_);
        if (listening_ && first_ == nullptr) signal();
        group.next = nullptr;
        (last_ != nullptr ? last_->next : first_) = &group;
        last_ = &group;
    }
    /// All groups in the list, which is empty afterwards.
    [[nodiscard]] asyncio_group* take() noexcept {
        const std::lock_guard lock(mutex_);
        last_ = nullptr;
        return std::exchange(first_, nullptr);
    }
    /// Whether the descriptor is to become readable when something is put into the list.
    void set_listening(bool listening) noexcept {
        const std::lock_guard lock(mutex_);
        listening_ = listening;
        if (listening && first_ != nullptr) signal();
    }
    void clear_signal() const noexcept {
        std::uint64_t count = 0;
        static_cast<void>(!::read(fd_, &count, sizeof count));
    }

    [[nodiscard]] const std::shared_ptr<deferral>& deferred() const noexcept { return deferred_; }

    std::size_t pending = 0;           ///< futures that are not done
    std::size_t deferred_heaps = 0;    ///< queued since the last kick
    std::uint64_t deferred_bytes = 0;  ///< and their payload
    clock::time_point turn_end{};      ///< when the loop should have another turn
    py::object call_loop;  ///< the loop that is to call process_callbacks() soon, if any
    py::object read_loop;  ///< the loop that listens to the descriptor, if any

private:
    void signal() const noexcept {
        const std::uint64_t one = 1;
        static_cast<void>(!::write(fd_, &one, sizeof one));
    }

    const int fd_;
    const std::shared_ptr<deferral> deferred_ = std::make_shared<deferral>();
    std::mutex mutex_;
    asyncio_group* first_ = nullptr;
    asyncio_group* last_ = nullptr;
    bool listening_ = false;
};

std::shared_ptr<completions> make_completions(stream& s) {
    auto made = std::make_shared<completions>();
    made->deferred()->attach(s);
    return made;
}

void before_destruction(completions& c) noexcept { c.deferred()->detach(); }

namespace {

void asyncio_group::complete() noexcept { finished_.push(*this); }

asyncio_stream* to_asyncio(PyObject* self) noexcept {
    return static_cast<asyncio_stream*>(to_stream(self));
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
    PyObject* const note =
        dict == nullptr ? nullptr : PyDict_GetItemWithError(dict, names.running_loop_key);
    if (note != nullptr && note == last_note) return py::reinterpret_borrow<py::object>(last_loop);
    if (note == nullptr && PyErr_Occurred() != nullptr) throw py::error_already_set();
    py::object loop = steal(PyObject_CallNoArgs(names.get_running_loop));
    if (note != nullptr) {
        Py_INCREF(note);
        Py_XDECREF(std::exchange(last_note, note));
        Py_XDECREF(std::exchange(last_loop, loop.inc_ref().ptr()));
    }
    return loop;
}

/// The running loop, or else the one that is set for this thread.
py::object current_loop() {
    py::object loop = running_loop();
    if (loop.is_none()) loop = steal(PyObject_CallNoArgs(names.get_event_loop));
    return loop;
}

py::object make_future(PyObject* loop) {
    if (_PyType_Lookup(Py_TYPE(loop), names.create_future) == names.plain_create_future) {
        const std::array<PyObject*, 1> args{loop};
        return steal(PyObject_Vectorcall(names.future_class, args.data(), 0, names.loop_keyword));
    }
    return steal(PyObject_CallMethodNoArgs(loop, names.create_future));
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
        result = PyObject_Vectorcall(names.future_set_result, args.data(), 2, nullptr);
    } else {
        result = PyObject_CallMethodOneArg(future, method, value);
    }
    if (result == nullptr) {
        if (PyErr_ExceptionMatches(names.invalid_state_error) == 0 &&
            PyErr_ExceptionMatches(PyExc_RuntimeError) == 0)
            throw py::error_already_set();
        PyErr_Clear();
    }
    Py_XDECREF(result);
}

/// The same as a Python function, to be called in the future's own loop.
PyObject* settle_function(PyObject*, PyObject* const* args, Py_ssize_t n_args) {
    try {
        if (n_args != 3) throw py::type_error("settle() takes 3 arguments");
        settle(args[0], args[1], args[2]);
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    Py_RETURN_NONE;
}

/// What a finished group has to say to its future.
struct outcome {
    py::object future;
    PyObject* loop;
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
    outcome result{py::reinterpret_steal<py::object>(group.take_future()), group.loop(),
                   names.set_result, py::none()};
    if (group.refusal() != 0) {
        result.method = names.set_exception;
        result.value = make_os_error(group.refusal(), group.refusal_text());
    } else if (group.error()) {
        result.method = names.set_exception;
        result.value = make_os_error(
            group.error().value(), group.error().message() + " (sending to " + s.describe() + ")");
    } else if (group.size() != 0) {
        result.value = number(group.bytes_sent());
    }
    return result;
}

void deliver(const outcome& o, PyObject* loop_here) {
    const bool elsewhere =
        o.loop != loop_here && is_true(steal(PyObject_CallMethodNoArgs(o.loop, names.is_running)));
    if (!elsewhere) {
        settle(o.future.ptr(), o.method, o.value.ptr());
        return;
    }
    PyObject* const handle =
        PyObject_CallMethodObjArgs(o.loop, names.call_soon_threadsafe, names.settle, o.future.ptr(),
                                   o.method, o.value.ptr(), nullptr);
    if (handle == nullptr) {
        if (PyErr_ExceptionMatches(PyExc_RuntimeError) == 0) throw py::error_already_set();
        PyErr_Clear();  // closed meanwhile
    }
    Py_XDECREF(handle);
}

/// Tell the futures of all groups that are finished.
void deliver_all(asyncio_stream& s, PyObject* loop_here) {
    completions& c = *s.get_completions();
    asyncio_group* next = c.take();
    while (next != nullptr) {
        std::unique_ptr<asyncio_group> group(next);
        next = group->next;
        --c.pending;
        try {
            const outcome o = make_outcome(*group, s);
            group.reset();  // when a future is done, nothing holds its heaps
            deliver(o, loop_here);
        } catch (py::error_already_set& e) {
            e.restore();
            PyErr_WriteUnraisable(names.process_callbacks);
        }
    }
}

// ---- Waking the loop

py::object bound_callback(PyObject* self) {
    return steal(PyObject_GetAttr(self, names.process_callbacks));
}

void stop_listening(completions& c) {
    c.set_listening(false);
    const py::object loop = std::exchange(c.read_loop, py::object());
    if (!loop || is_true(steal(PyObject_CallMethodNoArgs(loop.ptr(), names.is_closed)))) return;
    const py::object fd = steal(PyLong_FromLong(c.fd()));
    steal(PyObject_CallMethodOneArg(loop.ptr(), names.remove_reader, fd.ptr()));
}

/// Have the loop listen while futures are pending.
void update_listening(PyObject* self, completions& c, const py::object& loop) {
    if (c.pending == 0) {
        if (c.read_loop) stop_listening(c);
        return;
    }
    if (c.read_loop.is(loop) || loop.is_none()) return;
    if (c.read_loop) {
        // Another loop listens already. It may go on with that as long as it runs.
        if (is_true(steal(PyObject_CallMethodNoArgs(c.read_loop.ptr(), names.is_running)))) return;
        stop_listening(c);
    }
    const py::object fd = steal(PyLong_FromLong(c.fd()));
    steal(PyObject_CallMethodObjArgs(loop.ptr(), names.add_reader, fd.ptr(),
                                     bound_callback(self).ptr(), nullptr));
    c.read_loop = loop;
    c.set_listening(true);
}

/// Have the loop call process_callbacks() in its next turn.
void schedule(PyObject* self, completions& c, const py::object& loop) {
    if (c.call_loop.is(loop)) return;
    steal(PyObject_CallMethodOneArg(loop.ptr(), names.call_soon, bound_callback(self).ptr()));
    c.call_loop = loop;
    c.turn_end = clock::now() + turn_limit;
}

// ---- Driving

void kick(asyncio_stream& s, completions& c, drive how) {
    c.deferred_heaps = 0;
    c.deferred_bytes = 0;
    c.deferred()->end();
    if (how == drive::worker) {
        s.kick(how);
    } else {
        const gil_release released;
        s.kick(how);
    }
}

/// A group was queued that nobody may be driving.
void drive_later(asyncio_stream& s, const py::object& loop, std::size_t heaps,
                 std::uint64_t bytes) {
    completions& c = *s.get_completions();
    c.deferred_heaps += heaps;
    c.deferred_bytes += bytes;
    if (bytes >= worker_bytes) {
        kick(s, c, drive::worker);
    } else if ((c.deferred_heaps >= std::min(kick_heaps, s.get_max_heaps()) ||
                c.deferred_bytes >= kick_bytes) &&
               clock::now() < c.turn_end) {
        kick(s, c, drive::caller);
        deliver_all(s, loop.ptr());
    } else if (!c.deferred()->active()) {
        deferral::begin(c.deferred());
    }
}

PyObject* process_callbacks(PyObject* self, PyObject*) {
    asyncio_stream* const s = to_asyncio(self);
    if (s == nullptr) return nullptr;
    completions& c = *s->get_completions();
    try {
        const py::object loop = running_loop();
        c.call_loop = py::object();
        if (c.read_loop) c.clear_signal();
        if (c.deferred()->active()) kick(*s, c, drive::caller);
        deliver_all(*s, loop.ptr());
        update_listening(self, c, loop);
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    Py_RETURN_NONE;
}

// ---- Sending

/// Queue a group; its future is the result.
PyObject* queue(PyObject* self, asyncio_stream& s, std::unique_ptr<asyncio_group> group,
                const py::object& loop, std::uint64_t bytes) {
    completions& c = *s.get_completions();
    asyncio_group* const g = group.get();
    const std::size_t heaps = g->size();
    py::object future = py::reinterpret_borrow<py::object>(g->future());
    std::unique_ptr<heap_group> submitted = std::move(group);
    schedule(self, c, loop);
    ++c.pending;
    try {
        s.submit(submitted, drive::deferred);
    } catch (const std::system_error& e) {
        // As everything that concerns the queue, this is told by the future.
        g->refuse(e);
        static_cast<void>(submitted.release());
        c.push(*g);
        return future.release().ptr();
    }
    drive_later(s, loop, heaps, bytes);
    return future.release().ptr();
}

std::unique_ptr<asyncio_group> make_group(asyncio_stream& s, const py::object& loop) {
    return std::make_unique<asyncio_group>(*s.get_completions(),
                                           make_future(loop.ptr()).release().ptr(), loop.ptr());
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
    asyncio_stream* const s = to_asyncio(self);
    if (s == nullptr) return nullptr;
    try {
        const py::object loop = current_loop();
        auto group = make_group(*s, loop);
        auto contents = h->value.contents();
        const std::uint64_t bytes = contents->payload_size();
        group->add({std::move(contents), cnt, substream_index, rate}, s->max_packet_size());
        return queue(self, *s, std::move(group), loop, bytes);
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

PyObject* async_send_heaps(PyObject* self, PyObject* const* args, Py_ssize_t n_args,
                           PyObject* keywords) {
    static constexpr std::array<const char*, 2> parameters{"heaps", "mode"};
    std::array<PyObject*, 2> values;
    group_mode mode{};
    if (!sort_arguments("async_send_heaps", parameters, 2, 2, args, n_args, keywords, values) ||
        !to_group_mode(values[1], mode))
        return nullptr;
    asyncio_stream* const s = to_asyncio(self);
    if (s == nullptr) return nullptr;
    try {
        const heap_references heaps(values[0]);
        const py::object loop = current_loop();
        auto group = make_group(*s, loop);
        if (heaps.size() == 0) {
            completions& c = *s->get_completions();
            group->refuse(
                std::system_error(std::make_error_code(std::errc::invalid_argument),
                                  "heaps is empty, but needs at least one HeapReference"));
            py::object future = py::reinterpret_borrow<py::object>(group->future());
            schedule(self, c, loop);
            ++c.pending;
            c.push(*group.release());
            return future.release().ptr();
        }
        group->set_mode(mode);
        const std::uint64_t bytes = heaps.add_to(*group, s->max_packet_size());
        return queue(self, *s, std::move(group), loop, bytes);
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

/// A future for what is queued so far.
PyObject* flush_future(PyObject* self, PyObject*) {
    asyncio_stream* const s = to_asyncio(self);
    if (s == nullptr) return nullptr;
    try {
        const py::object loop = current_loop();
        return queue(self, *s, make_group(*s, loop), loop, 0);
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

PyObject* intern(const char* text) {
    PyObject* const name = PyUnicode_InternFromString(text);
    if (name == nullptr) throw py::error_already_set();
    return name;
}

PyObject* attribute(const char* module, const char* name) {
    return py::object(py::module_::import(module).attr(name)).release().ptr();
}

void find_names() {
    static PyMethodDef settle_definition{"settle", method(settle_function), METH_FASTCALL, nullptr};
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
    names.settle = PyCFunction_New(&settle_definition, nullptr);
    names.create_future = intern("create_future");
    names.call_soon = intern("call_soon");
    names.call_soon_threadsafe = intern("call_soon_threadsafe");
    names.add_reader = intern("add_reader");
    names.remove_reader = intern("remove_reader");
    names.is_closed = intern("is_closed");
    names.is_running = intern("is_running");
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
         R"(async_send_heaps($self, heaps, mode)
--

Queue a group of heaps to be sent, all or none. Not a coroutine, like :meth:`async_send_heap`.

Parameters
----------
heaps : HeapReferenceList or iterable of HeapReference
mode : GroupMode
    Order of the packets.

Returns
-------
asyncio.Future
    Its result is the number of bytes sent; exceptions are those of :meth:`async_send_heap`, and
    OSError (EINVAL) if `heaps` is empty.

Raises
------
ValueError
    If a heap does not fit the packet size, or a rate is not a number.
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
            "fd", [](const asyncio_stream& self) { return self.get_completions()->fd(); },
            "Descriptor that is readable when futures are to be set while the loop sleeps.")
        .def(
            "flush", [](asyncio_stream& self) { flush(self); },
            "Block until all heaps queued so far are sent. Futures are set when the loop runs.");
    set_module(bound, "spead2.send.asyncio");
}

}  // namespace spead2::python
