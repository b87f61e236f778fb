// SPDX-License-Identifier: Apache-2.0
// Received bytes become the values of items, without running Python code unless the format is an
// unusual one; python/spead2/_decoding.py has the rest.
#pragma once

#include <cstddef>
#include <cstdint>

#include "item.h"
#include "support/python.h"

namespace spead2::python {

/// The bytes of an item as they came.
struct received_bytes {
    const std::uint8_t* data;
    std::size_t length;  ///< an immediate has as many as an address of its flavour
    bool immediate;
    PyObject* owner;  ///< borrowed; keeps data alive for arrays to refer to; null: they copy
    bool writable;
};

/// Set the value of an Item from received bytes, and raise its version.
/// \param new_order  byte order of arrays, as numpy takes it
/// \throw py::error_already_set; the item keeps its value then
void receive_value(PyObject* item, const received_bytes& bytes, PyObject* new_order,
                   std::int64_t raise);

/// The same from anything with the buffer protocol and is_immediate.
void receive_raw(PyObject* item, PyObject* raw, PyObject* new_order, std::int64_t raise);

/// Whether a value may have no elements, so that an item of length 0 is one.
[[nodiscard]] bool may_be_empty(PyObject* item);

}  // namespace spead2::python
