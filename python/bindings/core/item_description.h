// SPDX-License-Identifier: Apache-2.0
// What follows from the attributes of a descriptor: worked out by Descriptor._prepare() in Python, kept
// in the extension type, and taken over by descriptors that are made from others.
#pragma once

#include "item.h"

namespace spead2::python {

/// An attribute of a descriptor.
using object_member = PyObject* descriptor_object::*;

/// For methods of the extension type, whose \a self is one.
[[nodiscard]] inline descriptor_object* as_descriptor(PyObject* self) noexcept {
    return reinterpret_cast<descriptor_object*>(self);
}

/// prepare(). \return false with the Python error set
[[nodiscard]] bool is_prepared(PyObject* self) noexcept;

// Methods of the extension type.

/// _set_encoding(): what Descriptor._prepare() made of the attributes.
PyObject* set_encoding(PyObject* self, PyObject* args);
/// _describe_as(): take everything but ID, name, description and value from another descriptor. For an
/// object that was just made.
PyObject* describe_as(PyObject* self, PyObject* const* args, Py_ssize_t n_args);
PyObject* allow_immediate(PyObject* self, PyObject*);
PyObject* is_variable_size(PyObject* self, PyObject*);

}  // namespace spead2::python
