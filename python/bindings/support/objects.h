// SPDX-License-Identifier: Apache-2.0
// Python objects to C++ values and texts, with errors that name what was given. What functions that
// are called for every heap take is arguments.h's part.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "python.h"

namespace spead2::python {

/// Take over a new reference. \throw py::error_already_set if it is null
inline py::object steal(PyObject* object) {
    if (object == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(object);
}

/// Keeps an object; may be copied and go without the GIL.
class kept_object {
public:
    kept_object() = default;
    explicit kept_object(const py::object& object)
        : object_(py::object(object).release().ptr(),
                  [](PyObject* kept) { release_reference(kept); }) {}
    explicit operator bool() const noexcept { return object_ != nullptr; }
    /// \return None if there is none. With the GIL
    [[nodiscard]] py::object get() const {
        return object_ ? py::reinterpret_borrow<py::object>(object_.get()) : py::none();
    }

private:
    std::shared_ptr<PyObject> object_;
};

/// A str that lives as long as the process, to look attributes up with.
[[nodiscard]] inline PyObject* intern(const char* text) {
    return steal(PyUnicode_InternFromString(text)).release().ptr();
}

[[nodiscard]] std::string to_utf8(PyObject* text);
[[nodiscard]] std::string repr(PyObject* object);

/// \param name  of the argument, for errors. \throw TypeError if it is none
[[nodiscard]] std::string to_str(PyObject* object, const char* name);
[[nodiscard]] double to_double(PyObject* object, const char* name);
/// Its truth value. \throw py::error_already_set what asking it raises
[[nodiscard]] inline bool is_true(PyObject* object) {
    const int result = run_python<PyObject_IsTrue>(object);
    if (result < 0) throw py::error_already_set();
    return result != 0;
}
/// An int (not a float). \return nothing if it is beyond 64 bits. \throw TypeError if it is none
[[nodiscard]] std::optional<std::int64_t> to_int64(PyObject* object, const char* name);
/// An int in a range. \throw TypeError if it is none, RangeError if it is outside
[[nodiscard]] std::int64_t to_int(PyObject* object, const char* name, std::int64_t low,
                                  std::int64_t high);

}  // namespace spead2::python
