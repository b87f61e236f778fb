// SPDX-License-Identifier: Apache-2.0
// What other threads leave to be done under the GIL, and the translation of exceptions.
//
// A worker must never wait for the GIL: whoever holds it may be waiting for the worker. So log
// messages and references go to a thread of this file, started when first needed, which takes the
// GIL for a batch of them. It ends before the interpreter does; what comes later is dropped.
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include <spead2/base/errors.h>
#include <spead2/runtime/forks.h>

#include "bindings.h"

namespace spead2::python {
namespace {

struct log_record {
    log_level level;
    std::string message;
};

class service {
public:
    explicit service(PyObject* logger) noexcept : logger_(logger) {}

    /// Whether this is the process that the thread belongs to.
    [[nodiscard]] bool is_here() const noexcept { return made_in_ == fork_count(); }
    [[nodiscard]] PyObject* logger() const noexcept { return logger_; }

    void log(log_level level, const std::string& message) {
        const std::lock_guard lock(mutex_);
        if (closed_) {
            // The interpreter is ending, or has ended.
            if (level >= log_level::warning) std::fprintf(stderr, "spead2: %s\n", message.c_str());
            return;
        }
        if (records_.size() >= max_records) {
            ++left_out_;
            return;
        }
        records_.push_back({level, message});
        notify();
    }

    void release(PyObject* object) {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        objects_.push_back(object);
        notify();
    }

    /// Do what is left and end the thread. With the GIL.
    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
            changed_.notify_one();
        }
        if (thread_.joinable()) {
            const gil_release released;
            thread_.join();
        }
    }

    /// With the GIL.
    void write(const log_record& record) const {
        // The numbers of Python's logging levels.
        static constexpr int levels[] = {10, 20, 30, 40};
        PyObject* const result = run_python<PyObject_CallMethod>(
            logger_, "log", "iss", levels[static_cast<int>(record.level)], "%s",
            record.message.c_str());
        if (result == nullptr) run_python<PyErr_WriteUnraisable>(logger_);
        Py_XDECREF(result);
    }

    void set_logger(PyObject* logger) noexcept { logger_ = logger; }

private:
    void notify() {
        if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
        changed_.notify_one();
    }

    void run() {
        std::vector<log_record> records;
        std::vector<PyObject*> objects;
        for (;;) {
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock,
                              [this] { return closed_ || !records_.empty() || !objects_.empty(); });
                if (records_.empty() && objects_.empty()) return;
                records.swap(records_);
                objects.swap(objects_);
                if (left_out_ != 0)
                    records.push_back(
                        {log_level::warning,
                         std::to_string(std::exchange(left_out_, 0)) +
                             " log messages were left out because they were not written as "
                             "quickly as they came"});
            }
            const PyGILState_STATE state = PyGILState_Ensure();
            for (const log_record& record : records) write(record);
            for (PyObject* object : objects) Py_DECREF(object);
            PyGILState_Release(state);
            records.clear();
            objects.clear();
        }
    }

    /// Messages that wait for a logger which is slow, or for the GIL.
    static constexpr std::size_t max_records = 4096;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<log_record> records_;
    std::uint64_t left_out_ = 0;
    std::vector<PyObject*> objects_;
    std::thread thread_;
    bool closed_ = false;
    PyObject* logger_;
    const std::uint64_t made_in_ = fork_count();
};

// Never destroyed: threads may outlive the interpreter. The child of a fork has neither the thread nor,
// perhaps, the lock, and needs another one.
service& the_service() {
    static std::atomic<service*> instance{std::make_unique<service>(nullptr).release()};
    service* current = instance.load();
    while (!current->is_here()) {
        auto another = std::make_unique<service>(current->logger());
        if (instance.compare_exchange_strong(current, another.get())) current = another.release();
    }
    return *current;
}

PyObject* stopped_type = nullptr;
PyObject* range_error_type = nullptr;
PyObject* setup_error_type = nullptr;
unsigned long main_thread = 0;  // as Python numbers threads

PyObject* add_exception(py::module_& m, const char* module, const char* name, const char* doc,
                        const py::object& bases = py::object()) {
    const std::string full = std::string(module) + "." + name;
    PyObject* const type = PyErr_NewExceptionWithDoc(full.c_str(), doc, bases.ptr(), nullptr);
    if (type == nullptr) throw py::error_already_set();
    m.attr(name) = py::reinterpret_borrow<py::object>(type);
    return type;
}

void set_os_error(PyObject* type, int code, const std::string& text) noexcept {
    PyObject* const error = run_python<PyObject_CallFunction>(type, "is", code, text.c_str());
    if (error == nullptr) return;
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error)), error);
    Py_DECREF(error);
}

}  // namespace

bool has_gil() noexcept { return Py_IsInitialized() != 0 && PyGILState_Check() != 0; }

void release_reference(void* object) noexcept {
    auto* const o = static_cast<PyObject*>(object);
    if (has_gil()) {
        try {
            Py_DECREF(o);
        } catch (const abi::__forced_unwind&) {
            stay_for_ever();
        }
        return;
    }
    try {
        the_service().release(o);
    } catch (const std::exception&) {
        // No memory or no thread: the object is never released.
    }
}

void stay_for_ever() noexcept {
    for (;;) ::pause();
}

void restore_gil(PyThreadState* state) noexcept {
    try {
        PyEval_RestoreThread(state);
    } catch (const abi::__forced_unwind&) {
        stay_for_ever();
    }
}

bool signal_raised() {
    // Python runs signal handlers in the main thread only. Others may never get the GIL again, and
    // are needed to let go of the stream.
    if (PyThread_get_thread_ident() != main_thread) return false;
    const PyGILState_STATE state = PyGILState_Ensure();
    const bool raised = PyErr_CheckSignals() != 0;
    PyGILState_Release(state);
    return raised;
}

void set_os_error(int code, const std::string& text) noexcept {
    set_os_error(PyExc_OSError, code, text);
}

void throw_range_error(const std::string& text) {
    PyErr_SetString(range_error_type, text.c_str());
    throw py::error_already_set();
}

void log_warning(const std::string& message) noexcept {
    try {
        the_service().write({log_level::warning, message});
    } catch (const std::exception&) {
        // No memory: the message is lost.
    }
}

void set_python_error() noexcept {
    try {
        throw;
    } catch (const abi::__forced_unwind&) {
        stay_for_ever();  // too late for what was unwound already, but better than to abort
    } catch (py::error_already_set& e) {
        e.restore();
    } catch (const py::builtin_exception& e) {
        e.set_error();
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const socket_setup_error& e) {
        set_os_error(setup_error_type, e.code().value(), e.what());
    } catch (const std::system_error& e) {
        set_os_error(e.code().value(), e.what());
    } catch (const stopped_error& e) {
        PyErr_SetString(stopped_type, e.what());
    } catch (const range_error& e) {
        PyErr_SetString(range_error_type, e.what());
    } catch (const std::invalid_argument& e) {
        PyErr_SetString(PyExc_ValueError, e.what());
    } catch (const std::exception& e) {
        PyErr_SetString(PyExc_RuntimeError, e.what());
    } catch (...) {
        PyErr_SetString(PyExc_RuntimeError, "unknown error of the engine");
    }
}

void register_runtime(py::module_& m) {
    stopped_type = add_exception(m, "spead2", "Stopped", "A queue was used after it was stopped.");
    add_exception(m, "spead2", "Empty", "A queue has nothing to take.");
    add_exception(m, "spead2", "Full", "A queue has no room.");
    // Programs written for the reference package may look for either of the bases.
    range_error_type =
        add_exception(m, "spead2._spead2", "RangeError", "An argument is out of range.",
                      py::make_tuple(py::handle(PyExc_ValueError), py::handle(PyExc_IndexError)));
    setup_error_type =
        add_exception(m, "spead2._spead2", "SocketSetupError",
                      "A socket cannot have the address or option that was asked for.",
                      py::make_tuple(py::handle(PyExc_OSError), py::handle(PyExc_RuntimeError)));

    main_thread =
        py::module_::import("threading").attr("main_thread")().attr("ident").cast<unsigned long>();

    // Local: other modules that are made with pybind11 keep their own ways.
    py::register_local_exception_translator([](std::exception_ptr error) {
        try {
            if (error) std::rethrow_exception(error);
        } catch (const std::system_error&) {
            set_python_error();
        } catch (const stopped_error&) {
            set_python_error();
        } catch (const range_error&) {
            set_python_error();
        }
    });

    // The logger lives as long as the process, like the service.
    the_service().set_logger(
        py::module_::import("logging").attr("getLogger")("spead2").release().ptr());
    set_log_sink([](log_level level, const std::string& message) {
        try {
            the_service().log(level, message);
        } catch (const std::exception&) {
            // No memory or no thread: the message is lost.
        }
    });
    m.def(
        "log_info", [](const std::string& message) { log_message(log_level::info, message); },
        py::arg("message"), "Log a message in its turn after those of the engine.");
    py::module_::import("atexit").attr("register")(py::cpp_function([] { the_service().close(); }));
}

}  // namespace spead2::python
