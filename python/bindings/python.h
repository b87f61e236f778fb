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
/// Set OSError, or its subclass for \a code.
void set_os_error(int code, const std::string& text) noexcept;

/// Give a class its public name, which may differ from where the binding lives.
template <typename Class>
Class& set_module(Class& bound, const char* module) {
    bound.attr("__module__") = module;
    return bound;
}

}  // namespace spead2::python
