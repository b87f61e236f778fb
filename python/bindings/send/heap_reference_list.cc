// SPDX-License-Identifier: Apache-2.0
// HeapReferenceList, and the lists of references that streams take.
#include <array>
#include <cstddef>
#include <new>
#include <utility>

#include "bindings.h"
#include "heap.h"
#include "support/arguments.h"
#include "support/extension_type.h"

namespace spead2::python {
namespace {

PyTypeObject* heap_reference_list_type = nullptr;

heap_reference_list_object* as_list(PyObject* self) noexcept {
    return reinterpret_cast<heap_reference_list_object*>(self);
}

/// A list or tuple of what is in an iterable.
PyObject* fast_sequence(PyObject* heaps) {
    PyObject* const sequence = run_python<PySequence_Fast>(heaps, "");
    if (sequence == nullptr && Py_TYPE(heaps)->tp_iter == nullptr &&
        PyErr_ExceptionMatches(PyExc_TypeError) != 0)
        set_error(PyExc_TypeError, "heaps must be an iterable of HeapReference, not %R", heaps);
    return sequence;
}

PyObject* list_alloc(PyTypeObject* type) {
    PyObject* const self = type->tp_alloc(type, 0);
    if (self != nullptr) new (&as_list(self)->heaps) heap_list();
    return self;
}

/// Add the heap of a reference, with what it holds now.
void append(heap_list& list, const listed_heap& h) {
    list.add(*h.source, h.cnt, h.substream_index, h.rate);
    Py_INCREF(object_of(h));
}

PyObject* list_new(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    static constexpr std::array<const char*, 1> names{"heaps"};
    std::array<PyObject*, 1> values;
    if (!sort_arguments("HeapReferenceList", names, 1, 1, args, keywords, values)) return nullptr;
    PyObject* const self = list_alloc(type);
    if (self == nullptr) return nullptr;
    auto owner = py::reinterpret_steal<py::object>(self);
    PyObject* const heaps = fast_sequence(values[0]);
    if (heaps == nullptr) return nullptr;
    const auto heaps_owner = py::reinterpret_steal<py::object>(heaps);
    try {
        heap_list& list = as_list(self)->heaps;
        const Py_ssize_t n = PySequence_Fast_GET_SIZE(heaps);
        list.reserve(static_cast<std::size_t>(n));
        for (Py_ssize_t i = 0; i < n; ++i) {
            const listed_heap* const r = to_reference(PySequence_Fast_GET_ITEM(heaps, i), i);
            if (r == nullptr) return nullptr;
            append(list, *r);
        }
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    return owner.release().ptr();
}

void list_dealloc(PyObject* self) {
    if (as_list(self)->weak_references != nullptr) PyObject_ClearWeakRefs(self);
    const heap_list heaps = std::move(as_list(self)->heaps);
    as_list(self)->heaps.~heap_list();
    free_object(self);
    for (const listed_heap& h : heaps.heaps()) Py_DECREF(object_of(h));
}

PyObject* list_repr(PyObject* self) {
    const std::size_t n = as_list(self)->heaps.size();
    return PyUnicode_FromFormat("<spead2.send.HeapReferenceList of %zu %s>", n,
                                n == 1 ? "heap" : "heaps");
}

Py_ssize_t list_length(PyObject* self) {
    return static_cast<Py_ssize_t>(as_list(self)->heaps.size());
}

PyObject* list_subscript(PyObject* self, PyObject* key) {
    if (!PySlice_Check(key)) {
        set_error(PyExc_TypeError, "a HeapReferenceList can only be indexed with a slice, not %R",
                  key);
        return nullptr;
    }
    Py_ssize_t start = 0;
    Py_ssize_t stop = 0;
    Py_ssize_t step = 0;
    if (PySlice_Unpack(key, &start, &stop, &step) != 0) return nullptr;
    const Py_ssize_t n = PySlice_AdjustIndices(list_length(self), &start, &stop, step);
    PyObject* const result = list_alloc(heap_reference_list_type);
    if (result == nullptr) return nullptr;
    try {
        heap_list& list = as_list(result)->heaps;
        list.reserve(static_cast<std::size_t>(n));
        for (Py_ssize_t i = 0; i < n; ++i)
            append(list, as_list(self)->heaps.heaps()[static_cast<std::size_t>(start + i * step)]);
    } catch (...) {
        set_python_error();
        Py_DECREF(result);
        return nullptr;
    }
    return result;
}

void add_list_type(py::module_& m) {
    static std::array<PyMemberDef, 2> members{{
        // Right behind the head; offsetof() is not for structures with such a member as heaps.
        {"__weaklistoffset__", T_PYSSIZET, sizeof(PyObject), READONLY, nullptr},
        {nullptr, 0, 0, 0, nullptr},
    }};
    static constexpr const char* doc = R"(HeapReferenceList(heaps)
--

A copy of a list of references, made once to be sent many times. Slices of it are such lists too.

Parameters
----------
heaps : iterable of HeapReference

Raises
------
TypeError
    If an element is not a HeapReference.
)";
    heap_reference_list_type =
        add_type<heap_reference_list_object>(m, "spead2.send.HeapReferenceList", 0,
                                             {{Py_tp_doc, const_cast<char*>(doc)},
                                              {Py_tp_new, slot(list_new)},
                                              {Py_tp_dealloc, slot(list_dealloc)},
                                              {Py_tp_repr, slot(list_repr)},
                                              {Py_mp_length, slot(list_length)},
                                              {Py_mp_subscript, slot(list_subscript)},
                                              {Py_tp_members, members.data()}});
}

}  // namespace

heap_references::heap_references(PyObject* heaps) {
    if (Py_TYPE(heaps) == heap_reference_list_type) {
        owner_ = py::reinterpret_borrow<py::object>(heaps);
        list_ = as_list(heaps);
        size_ = list_->heaps.size();
        return;
    }
    // A tuple, because a list may change while its heaps are sent.
    owner_ = py::reinterpret_steal<py::object>(fast_sequence(heaps));
    if (owner_ && PyList_CheckExact(owner_.ptr()))
        owner_ = py::reinterpret_steal<py::object>(PyList_AsTuple(owner_.ptr()));
    if (!owner_) throw py::error_already_set();
    size_ = static_cast<std::size_t>(PyTuple_GET_SIZE(owner_.ptr()));
}

void heap_references::add_to(heap_group& group, std::size_t max_packet_size) {
    if (list_ != nullptr) {
        group.add_kept(list_->heaps, max_packet_size);
    } else {
        group.reserve(size_);
        std::array<const listed_heap*, 64> some;
        for (std::size_t i = 0; i < size_;) {
            std::size_t n = 0;
            for (; n < some.size() && i < size_; ++n, ++i) {
                const auto index = static_cast<Py_ssize_t>(i);
                some[n] = to_reference(PyTuple_GET_ITEM(owner_.ptr(), index), index);
                if (some[n] == nullptr) throw py::error_already_set();
            }
            group.add_kept({some.data(), n}, max_packet_size);
        }
    }
    group.keep_alive({owner_.release().ptr(), release_reference});
}

void register_heap_reference_list(py::module_& m) { add_list_type(m); }

}  // namespace spead2::python
