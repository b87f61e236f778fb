// SPDX-License-Identifier: Apache-2.0
// What every source of the extension module uses: pybind11, the GIL, and the work that other
// threads leave to be done under the GIL (releasing objects, logging).
#pragma once

#include <cxxabi.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <spead2/base/log.h>

namespace spead2 {
class flavour;
class inproc_queue;
class thread_pool;
namespace send {
class stream_config;
}
}  // namespace spead2

namespace spead2::python {

namespace py = pybind11;

/// Whether the calling thread may touch Python objects.
[[nodiscard]] bool has_gil() noexcept;

/// Give up a reference from any thread, now if the caller has the GIL, else soon; after the
/// interpreter's end never. Its type is that of heap_owner::release.
void release_reference(void* object) noexcept;

/// Wait until the process ends. For threads that asked for the GIL after the interpreter's end: up
/// to Python 3.13 they are ended by unwinding their stack (abi::__forced_unwind), which C++ code
/// does not survive - destructors would touch Python objects without the GIL.
[[noreturn]] void stay_for_ever() noexcept;

/// Call a function of Python's API that may run Python code, and so give up the GIL and ask for it
/// again. Should the interpreter end meanwhile, the calling thread stays here for ever.
template <auto Function, typename... Args>
auto run_python(Args... args) {
    try {
        // NOLINTNEXTLINE(bugprone-multi-level-implicit-pointer-conversion): variadic ones of C
        return Function(args...);
    } catch (const abi::__forced_unwind&) {
        stay_for_ever();
    }
}

/// PyErr_Format(), which may run Python code to show an object.
template <typename... Args>
void set_error(PyObject* type, const char* format, Args... args) {
    run_python<PyErr_Format>(type, format, args...);
}

/// Take the GIL after PyEval_SaveThread. Once the interpreter has ended, the calling thread stays
/// here for ever.
void restore_gil(PyThreadState* state) noexcept;

/// Release the GIL, if the caller has it, until the end of the scope.
class gil_release {
public:
    gil_release() noexcept : state_(has_gil() ? PyEval_SaveThread() : nullptr) {}
    gil_release(const gil_release&) = delete;
    gil_release& operator=(const gil_release&) = delete;
    ~gil_release() {
        if (state_ != nullptr) restore_gil(state_);
    }

private:
    PyThreadState* state_;
};

/// Deleter for objects whose destructor waits for other threads.
struct delete_without_gil {
    template <typename T>
    void operator()(T* object) const noexcept {
        const gil_release released;
        const std::unique_ptr<T> owned(object);
    }
};

/// A shared object whose destructor runs without the GIL.
template <typename T, typename... Args>
[[nodiscard]] std::shared_ptr<T> make_shared_without_gil(Args&&... args) {
    auto object = std::make_unique<T>(std::forward<Args>(args)...);
    return {object.release(), delete_without_gil{}};
}

/// Run \a check_signals between waits that last no longer than 100 ms. \return true (with the
/// Python error set) if a signal handler raised. For calls that run without the GIL.
[[nodiscard]] bool signal_raised();

/// The exception being handled becomes the Python error. Only within a catch block.
void set_python_error() noexcept;
/// Raise what is both a ValueError and an IndexError.
[[noreturn]] void throw_range_error(const std::string& text);
/// Log a warning, at once. Only with the GIL and without a Python error set.
void log_warning(const std::string& message) noexcept;
/// Set OSError, or its subclass for \a code.
void set_os_error(int code, const std::string& text) noexcept;

/// Give a class its public name, which may differ from where the binding lives.
template <typename Class>
Class& set_module(Class& bound, const char* module) {
    bound.attr("__module__") = module;
    return bound;
}

/// The classes that are bound with pybind11.
template <typename T>
inline constexpr bool is_bound = false;
template <>
inline constexpr bool is_bound<flavour> = true;
template <>
inline constexpr bool is_bound<thread_pool> = true;
template <>
inline constexpr bool is_bound<send::stream_config> = true;
template <>
inline constexpr bool is_bound<inproc_queue> = true;

/// Whether the constructors of all C++ classes in a pybind11 object were run.
[[nodiscard]] inline bool is_initialised(const py::handle& object) {
    auto* const instance = reinterpret_cast<py::detail::instance*>(object.ptr());
    if (instance->simple_layout) return instance->simple_instance_registered;
    for (auto&& part : py::detail::values_and_holders(instance))
        if (!part.instance_registered()) return false;
    return true;
}

/// pybind11 would hand out memory that no constructor has seen for an object made with __new__()
/// only, or by a derived class that does not call __init__(). Here such an object is no argument
/// that fits: TypeError.
template <typename T, typename Caster>
class initialised_only : public Caster {
public:
    bool load(py::handle object, bool convert) {
        if (py::isinstance<T>(object) && !is_initialised(object)) return false;
        return Caster::load(object, convert);
    }
};

}  // namespace spead2::python

namespace pybind11::detail {

template <typename T>
requires spead2::python::is_bound<T>
class type_caster<T> : public spead2::python::initialised_only<T, type_caster_base<T>> {
};

template <typename T>
requires spead2::python::is_bound<T>
class type_caster<std::shared_ptr<T>>
    : public spead2::python::initialised_only<T, copyable_holder_caster<T, std::shared_ptr<T>>> {
};

}  // namespace pybind11::detail
