// SPDX-License-Identifier: Apache-2.0
// Memory of Python objects, through the buffer protocol.
#pragma once

#include <cstddef>
#include <cstdint>

#include "python.h"

namespace spead2::python {

/// The bytes of a C-contiguous object, for as long as the view lives. With the GIL.
class buffer_view {
public:
    /// \throw py::error_already_set if the object has none
    explicit buffer_view(PyObject* object) {
        if (run_python<PyObject_GetBuffer>(object, &view_, PyBUF_C_CONTIGUOUS) != 0)
            throw py::error_already_set();
    }
    buffer_view(const buffer_view&) = delete;
    buffer_view& operator=(const buffer_view&) = delete;
    ~buffer_view() { PyBuffer_Release(&view_); }

    [[nodiscard]] const std::uint8_t* data() const noexcept {
        return static_cast<const std::uint8_t*>(view_.buf);
    }
    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(view_.len); }

private:
    Py_buffer view_{};
};

}  // namespace spead2::python
