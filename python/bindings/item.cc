// SPDX-License-Identifier: Apache-2.0
#include "item.h"

#include <memory>

#include "arguments.h"
#include "bindings.h"

namespace spead2::python {
namespace {

py::object steal(PyObject* object) {
    if (object == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(object);
}

/// Keep the memory of an object, and with it the object.
void hold_buffer(PyObject* object, encoded_item& encoded) {
    auto view = std::make_unique<Py_buffer>();
    if (PyObject_GetBuffer(object, view.get(), PyBUF_C_CONTIGUOUS) != 0)
        throw py::error_already_set();
    encoded.data = static_cast<const std::uint8_t*>(view->buf);
    encoded.length = static_cast<std::size_t>(view->len);
    // The view itself can only be released under the GIL; a capsule makes it an object like others.
    PyObject* const capsule = PyCapsule_New(view.get(), nullptr, [](PyObject* self) {
        const std::unique_ptr<Py_buffer> held(
            static_cast<Py_buffer*>(PyCapsule_GetPointer(self, nullptr)));
        PyBuffer_Release(held.get());
    });
    if (capsule == nullptr) {
        PyBuffer_Release(view.get());
        throw py::error_already_set();
    }
    static_cast<void>(view.release());
    encoded.owner = {capsule, release_reference};
}

}  // namespace

encoded_item::encoded_item(encoded_item&& other) noexcept
    : id(other.id),
      data(other.data),
      length(other.length),
      small(other.small),
      allow_immediate(other.allow_immediate),
      owner(std::exchange(other.owner, {nullptr, nullptr})) {}

void encode_item(PyObject* item, encoded_item& encoded) {
    const py::object id = steal(PyObject_GetAttrString(item, "id"));
    if (!to_integer(id.ptr(), "item ID", encoded.id)) throw py::error_already_set();
    const py::object buffer = steal(PyObject_CallMethod(item, "to_buffer", nullptr));
    const py::object allow = steal(PyObject_CallMethod(item, "allow_immediate", nullptr));
    encoded.allow_immediate = PyObject_IsTrue(allow.ptr()) == 1;
    hold_buffer(buffer.ptr(), encoded);
}

void encode_item_descriptor(PyObject* descriptor, const flavour& f, encoded_item& encoded) {
    static_cast<void>(f);
    static_cast<void>(encoded);
    PyErr_Format(PyExc_TypeError, "a Descriptor is needed, not %R", descriptor);
    throw py::error_already_set();
}

void add_encoded(heap& h, encoded_item& encoded) {
    if (encoded.owner.object != nullptr) {
        h.add_item(encoded.id, encoded.data, encoded.length, encoded.allow_immediate);
        h.keep_alive(encoded.owner);
        encoded.owner.object = nullptr;
    }
}

bool to_flavour(PyObject* object, flavour& f) noexcept {
    py::detail::make_caster<flavour> caster;
    try {
        if (caster.load(object, false)) {
            if (const auto* const value = static_cast<flavour*>(caster)) {
                f = *value;
                return true;
            }
        }
    } catch (const std::exception&) {
        // Not initialised.
    }
    PyErr_Format(PyExc_TypeError, "flavour must be a Flavour, not %R", object);
    return false;
}

}  // namespace spead2::python
