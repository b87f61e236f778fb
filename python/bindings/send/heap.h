// SPDX-License-Identifier: Apache-2.0
// Heaps and references to heaps as Python objects. They are plain extension types, not pybind11
// classes: making one and looking into one is on the path of every heap that is sent.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <spead2/send/heap.h>
#include <spead2/send/stream.h>

#include "engine.h"
#include "support/python.h"

namespace spead2::python {

struct heap_object {
    PyObject_HEAD PyObject* weak_references;
    heap value;
};

/// What a HeapReference and an element of a HeapReferenceList hold.
struct listed_heap {
    heap_object* heap;  // owned
    /// Of the heap when the reference was made. As long as they are still the heap's, whoever keeps
    /// the reference alive need not count references to them.
    std::shared_ptr<const heap_contents> contents;
    std::int64_t cnt;
    std::size_t substream_index;
    double rate;
};

struct heap_reference_object {
    PyObject_HEAD PyObject* weak_references;
    listed_heap value;
};

struct heap_reference_list_object {
    PyObject_HEAD PyObject* weak_references;
    std::vector<listed_heap> heaps;
    /// Made when the list is sent for the second time to streams of one max_packet_size; null if it
    /// was not yet, or cannot be made.
    std::shared_ptr<premade_packets> premade;
    std::size_t premade_size;  ///< the max_packet_size, 0 before the first time
    bool made;                 ///< or tried
};

/// The heap in a Python object. \return null (with TypeError set) for anything but a Heap
[[nodiscard]] heap_object* to_heap(PyObject* object) noexcept;

/// A new Heap. \return null with the Python error set
[[nodiscard]] PyObject* new_heap(const flavour& f) noexcept;

/// What a stream takes, from a HeapReferenceList or an iterable of HeapReference.
/// \throw py::error_already_set for anything that is not iterable
class heap_references {
public:
    explicit heap_references(PyObject* heaps);
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Add all to a group, which keeps them alive. At most once. \return bytes of payload
    /// \throw as heap_group::add(); py::error_already_set for what is not a HeapReference
    std::uint64_t add_to(heap_group& group, std::size_t max_packet_size);

private:
    [[nodiscard]] bool use_premade(heap_group& group, std::size_t max_packet_size);

    py::object owner_;                            // a HeapReferenceList or a tuple
    heap_reference_list_object* list_ = nullptr;  // the former
    std::size_t size_ = 0;
};

}  // namespace spead2::python
