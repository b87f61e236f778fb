// SPDX-License-Identifier: Apache-2.0
// Received heaps and their items as Python objects. They are plain extension types, not pybind11
// classes: one is made for every heap that comes.
#pragma once

#include <spead2/recv/heap.h>

#include "support/python.h"

namespace spead2::python {

struct received_heap_object {
    PyObject_HEAD PyObject* weak_references;
    recv::heap_ptr value;
};

/// Lies in the memory of its heap, which it keeps.
struct raw_item_object {
    PyObject_HEAD PyObject* weak_references;
    recv::heap_ptr heap;
    const recv::raw_item* value;
};

/// A Heap or an IncompleteHeap. \return null with the Python error set
[[nodiscard]] PyObject* new_received_heap(recv::heap_ptr heap) noexcept;

/// A RawItem. \param item  one of heap->items() \return null with the Python error set
[[nodiscard]] PyObject* new_raw_item(const recv::heap_ptr& heap,
                                     const recv::raw_item& item) noexcept;

/// \return null (without an error) if the object is not exactly a Heap
[[nodiscard]] received_heap_object* to_received_heap(PyObject* object) noexcept;
}  // namespace spead2::python
