// SPDX-License-Identifier: Apache-2.0
// HeapReference: a heap and how to send it.
#include <array>
#include <cstddef>
#include <new>

#include "bindings.h"
#include "heap.h"
#include "send_arguments.h"
#include "support/arguments.h"
#include "support/extension_type.h"

namespace spead2::python {
namespace {

PyTypeObject* heap_reference_type = nullptr;

heap_reference_object* as_reference(PyObject* self) noexcept {
    return reinterpret_cast<heap_reference_object*>(self);
}

PyObject* reference_new(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    std::array<PyObject*, 4> values;
    sent_heap sent;
    if (!sort_arguments("HeapReference", sent_heap_arguments, 1, 1, args, keywords, values) ||
        !to_sent_heap(values, sent))
        return nullptr;
    PyObject* const self = type->tp_alloc(type, 0);
    if (self == nullptr) return nullptr;
    heap_object* const h = sent.object;
    Py_INCREF(h);
    new (&as_reference(self)->value)
        listed_heap{&h->value, h->value.contents(), sent.cnt, sent.substream_index, sent.rate};
    return self;
}

void reference_dealloc(PyObject* self) {
    if (as_reference(self)->weak_references != nullptr) PyObject_ClearWeakRefs(self);
    PyObject* const h = object_of(as_reference(self)->value);
    as_reference(self)->value.~listed_heap();
    Py_DECREF(h);
    free_object(self);
}

PyObject* reference_repr(PyObject* self) {
    const listed_heap& r = as_reference(self)->value;
    PyObject* const rate = PyFloat_FromDouble(r.rate);
    if (rate == nullptr) return nullptr;
    PyObject* const text = run_python<PyUnicode_FromFormat>(
        "HeapReference(%R, cnt=%lld, substream_index=%zu, rate=%R)", object_of(r),
        static_cast<long long>(r.cnt), r.substream_index, rate);
    Py_DECREF(rate);
    return text;
}

PyObject* reference_get_heap(PyObject* self, void*) {
    PyObject* const h = object_of(as_reference(self)->value);
    Py_INCREF(h);
    return h;
}
PyObject* reference_get_cnt(PyObject* self, void*) {
    return PyLong_FromLongLong(as_reference(self)->value.cnt);
}
PyObject* reference_get_substream_index(PyObject* self, void*) {
    return PyLong_FromSize_t(as_reference(self)->value.substream_index);
}
PyObject* reference_get_rate(PyObject* self, void*) {
    return PyFloat_FromDouble(as_reference(self)->value.rate);
}

int cannot_delete(const char* name) {
    set_error(PyExc_AttributeError, "%s cannot be deleted", name);
    return -1;
}
int reference_set_cnt(PyObject* self, PyObject* value, void*) {
    if (value == nullptr) return cannot_delete("cnt");
    std::int64_t cnt = 0;
    if (!to_integer(value, "cnt", cnt)) return -1;
    as_reference(self)->value.cnt = cnt;
    return 0;
}
int reference_set_substream_index(PyObject* self, PyObject* value, void*) {
    if (value == nullptr) return cannot_delete("substream_index");
    std::size_t index = 0;
    if (!to_integer(value, "substream_index", index)) return -1;
    as_reference(self)->value.substream_index = index;
    return 0;
}
int reference_set_rate(PyObject* self, PyObject* value, void*) {
    if (value == nullptr) return cannot_delete("rate");
    double rate = 0.0;
    if (!to_rate(value, rate)) return -1;
    as_reference(self)->value.rate = rate;
    return 0;
}

void add_reference_type(py::module_& m) {
    static std::array<PyGetSetDef, 5> properties{{
        {"heap", reference_get_heap, nullptr, "The heap.", nullptr},
        {"cnt", reference_get_cnt, reference_set_cnt,
         "Heap cnt; negative: the next of the stream's sequence.", nullptr},
        {"substream_index", reference_get_substream_index, reference_set_substream_index,
         "Substream to send to.", nullptr},
        {"rate", reference_get_rate, reference_set_rate,
         "Bytes per second; 0: no limit; negative: the stream's.", nullptr},
        {nullptr, nullptr, nullptr, nullptr, nullptr},
    }};
    static std::array<PyMemberDef, 2> members{{
        {"__weaklistoffset__", T_PYSSIZET, offsetof(heap_reference_object, weak_references),
         READONLY, nullptr},
        {nullptr, 0, 0, 0, nullptr},
    }};
    static constexpr const char* doc =
        R"(HeapReference(heap, *, cnt=-1, substream_index=0, rate=-1.0)
--

A heap and how to send it, for ``send_heaps``.

Parameters
----------
heap : Heap
cnt : int
    Heap cnt; negative: the next of the stream's sequence.
substream_index : int
    Substream to send to.
rate : float
    Bytes per second; 0: no limit; negative: the stream's.
)";
    heap_reference_type =
        add_type<heap_reference_object>(m, "spead2.send.HeapReference", Py_TPFLAGS_BASETYPE,
                                        {{Py_tp_doc, const_cast<char*>(doc)},
                                         {Py_tp_new, slot(reference_new)},
                                         {Py_tp_dealloc, slot(reference_dealloc)},
                                         {Py_tp_repr, slot(reference_repr)},
                                         {Py_tp_getset, properties.data()},
                                         {Py_tp_members, members.data()}});
}

}  // namespace

const listed_heap* to_reference(PyObject* object, Py_ssize_t index) {
    if (PyObject_TypeCheck(object, heap_reference_type) != 0) return &as_reference(object)->value;
    set_error(PyExc_TypeError, "heaps[%zd] must be a HeapReference, not %R", index, object);
    return nullptr;
}

void register_heap_reference(py::module_& m) { add_reference_type(m); }

}  // namespace spead2::python
