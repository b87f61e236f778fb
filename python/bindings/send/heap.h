// SPDX-License-Identifier: Apache-2.0
// Heaps and references to heaps as Python objects. They are plain extension types, not pybind11
// classes: making one and looking into one is on the path of every heap that is sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <spead2/send/heap.h>
#include <spead2/send/heap_group.h>
#include <spead2/send/heap_list.h>

#include "engine.h"
#include "support/python.h"

namespace spead2::python {

struct heap_object {
    PyObject_HEAD PyObject* weak_references;
    heap value;
};

struct heap_reference_object {
    PyObject_HEAD PyObject* weak_references;
    listed_heap value;  // its source is that of a heap_object, a reference to which is owned
};

struct heap_reference_list_object {
    PyObject_HEAD PyObject* weak_references;
    heap_list heaps;  // the same
};

/// That of the object a method is called on.
[[nodiscard]] inline heap& heap_of(PyObject* self) noexcept {
    return reinterpret_cast<heap_object*>(self)->value;
}

/// The heap in a Python object. \return null (with TypeError set) for anything but a Heap
[[nodiscard]] heap_object* to_heap(PyObject* object) noexcept;

/// The Heap (borrowed) that has a listed heap.
[[nodiscard]] inline PyObject* object_of(const listed_heap& h) noexcept {
    const auto* const value = reinterpret_cast<const char*>(h.source);
    return reinterpret_cast<PyObject*>(const_cast<char*>(value) - offsetof(heap_object, value));
}

/// The reference in a Python object, which is that with \a index of several.
/// \return null (with TypeError set) for anything but a HeapReference
[[nodiscard]] const listed_heap* to_reference(PyObject* object, Py_ssize_t index);

/// A new Heap. \return null with the Python error set
[[nodiscard]] PyObject* new_heap(const flavour& f) noexcept;

/// For what ran Python code since it asked the heap for its flavour. \throw py::value_error
inline void check_same_flavour(const heap& h, const flavour& f) {
    if (!(h.get_flavour() == f))
        throw py::value_error("the heap was made anew, as one of " + h.get_flavour().to_string() +
                              ", while something was added to it");
}

/// What a stream takes, from a HeapReferenceList or an iterable of HeapReference.
/// \throw py::error_already_set for anything that is not iterable
class heap_references {
public:
    explicit heap_references(PyObject* heaps);
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Add all to a group, which keeps them alive. At most once.
    /// \throw as heap_group::add(); py::error_already_set for what is not a HeapReference
    void add_to(heap_group& group, std::size_t max_packet_size);

private:
    py::object owner_;                            // a HeapReferenceList or a tuple
    heap_reference_list_object* list_ = nullptr;  // the former
    std::size_t size_ = 0;
};

}  // namespace spead2::python
