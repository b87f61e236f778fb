// SPDX-License-Identifier: Apache-2.0
// Heap, HeapReference and HeapReferenceList.
#include "heap.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <new>

#include "bindings.h"
#include "core/common.h"
#include "core/encode.h"
#include "support/arguments.h"
#include "support/extension_type.h"

namespace spead2::python {
namespace {

PyTypeObject* heap_type = nullptr;
PyTypeObject* heap_reference_type = nullptr;
PyTypeObject* heap_reference_list_type = nullptr;

heap_object* as_heap(PyObject* self) noexcept { return reinterpret_cast<heap_object*>(self); }

template <typename Function>
PyObject* none_unless_thrown(Function&& function) noexcept {
    try {
        function();
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    Py_RETURN_NONE;
}

// ---- Heap

PyObject* heap_new(PyTypeObject* type, PyObject*, PyObject*) {
    PyObject* const self = type->tp_alloc(type, 0);
    if (self == nullptr) return nullptr;
    try {
        new (&as_heap(self)->value) heap();
    } catch (...) {
        set_python_error();
        free_object(self);
        return nullptr;
    }
    return self;
}

int heap_init(PyObject* self, PyObject* args, PyObject* keywords) {
    static constexpr std::array<const char*, 1> names{"flavour"};
    std::array<PyObject*, 1> values;
    if (!sort_arguments("Heap", names, 0, 1, args, keywords, values)) return -1;
    try {
        flavour f;
        if (values[0] != nullptr && !to_flavour(values[0], f)) return -1;
        as_heap(self)->value = heap(f);
    } catch (...) {
        set_python_error();
        return -1;
    }
    return 0;
}

void heap_dealloc(PyObject* self) {
    if (as_heap(self)->weak_references != nullptr) PyObject_ClearWeakRefs(self);
    as_heap(self)->value.~heap();
    free_object(self);
}

PyObject* heap_repr(PyObject* self) {
    const heap& h = as_heap(self)->value;
    const auto contents = h.contents();
    const std::size_t n = contents->items().size();
    return PyUnicode_FromFormat("<spead2.send.Heap of %s with %zu %s, %llu bytes of payload>",
                                h.get_flavour().to_string().c_str(), n, n == 1 ? "item" : "items",
                                static_cast<unsigned long long>(contents->payload_size()));
}

PyObject* heap_add_item(PyObject* self, PyObject* item) {
    return none_unless_thrown([&] {
        encoded_item encoded;
        encode_item(item, encoded);
        add_encoded(as_heap(self)->value, encoded);
    });
}

PyObject* heap_add_descriptor(PyObject* self, PyObject* descriptor) {
    return none_unless_thrown([&] {
        heap& h = as_heap(self)->value;
        // A copy: describing may run code that makes the heap anew.
        const flavour f = h.get_flavour();
        encoded_item encoded;
        encode_item_descriptor(descriptor, f, encoded);
        check_same_flavour(h, f);
        add_encoded(h, encoded);
    });
}

PyObject* heap_add_start(PyObject* self, PyObject*) {
    return none_unless_thrown([&] { as_heap(self)->value.add_start(); });
}

PyObject* heap_add_end(PyObject* self, PyObject*) {
    return none_unless_thrown([&] { as_heap(self)->value.add_end(); });
}

PyObject* heap_get_flavour(PyObject* self, void*) {
    try {
        return py::cast(as_heap(self)->value.get_flavour(), py::return_value_policy::copy)
            .release()
            .ptr();
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

PyObject* heap_get_repeat_pointers(PyObject* self, void*) {
    return PyBool_FromLong(as_heap(self)->value.repeat_pointers() ? 1 : 0);
}

int heap_set_repeat_pointers(PyObject* self, PyObject* value, void*) {
    if (value == nullptr || (!PyBool_Check(value) && PyNumber_Check(value) == 0)) {
        set_error(PyExc_TypeError, "repeat_pointers must be True or False, not %R",
                  value == nullptr ? Py_None : value);
        return -1;
    }
    const int repeat = run_python<PyObject_IsTrue>(value);
    if (repeat < 0) return -1;
    try {
        as_heap(self)->value.set_repeat_pointers(repeat != 0);
    } catch (...) {
        set_python_error();
        return -1;
    }
    return 0;
}

void add_heap_type(py::module_& m) {
    static std::array<PyMethodDef, 5> methods{{
        {"add_item", heap_add_item, METH_O,
         R"(add_item($self, item, /)
--

Add the value of an item. Its memory is referenced where possible, not copied, and read when
the heap is sent: an array that is changed in place is sent changed.

Parameters
----------
item : Item
    Or anything with an ``id``, ``to_buffer()`` and ``allow_immediate()``.

Raises
------
ValueError
    If the value is None or does not fit the description, or the ID is out of range.
)"},
        {"add_descriptor", heap_add_descriptor, METH_O,
         R"(add_descriptor($self, descriptor, /)
--

Add the description of an item.

Parameters
----------
descriptor : Descriptor

Raises
------
ValueError
    If the ID or a size is out of range for the flavour.
UnicodeEncodeError
    If a text is not ASCII.
)"},
        {"add_start", heap_add_start, METH_NOARGS,
         "add_start($self, /)\n--\n\nAdd a start-of-stream item."},
        {"add_end", heap_add_end, METH_NOARGS,
         "add_end($self, /)\n--\n\nAdd an end-of-stream item."},
        {nullptr, nullptr, 0, nullptr},
    }};
    static std::array<PyGetSetDef, 3> properties{{
        {"flavour", heap_get_flavour, nullptr, "Flavour of the heap (a copy).", nullptr},
        {"repeat_pointers", heap_get_repeat_pointers, heap_set_repeat_pointers,
         "Whether every packet carries all item pointers. Default: False.", nullptr},
        {nullptr, nullptr, nullptr, nullptr, nullptr},
    }};
    static std::array<PyMemberDef, 2> members{{
        {"__weaklistoffset__", T_PYSSIZET, offsetof(heap_object, weak_references), READONLY,
         nullptr},
        {nullptr, 0, 0, 0, nullptr},
    }};
    static constexpr const char* doc = R"(Heap(flavour=Flavour())
--

A heap to be sent: items, descriptors and control items in the order they were added.

It may be changed or dropped at any time after it was handed to a stream, which sends what it held
then.

Parameters
----------
flavour : Flavour
)";
    heap_type = add_type<heap_object>(m, "spead2.send.Heap", Py_TPFLAGS_BASETYPE,
                                      {{Py_tp_doc, const_cast<char*>(doc)},
                                       {Py_tp_new, slot(heap_new)},
                                       {Py_tp_init, slot(heap_init)},
                                       {Py_tp_dealloc, slot(heap_dealloc)},
                                       {Py_tp_repr, slot(heap_repr)},
                                       {Py_tp_methods, methods.data()},
                                       {Py_tp_getset, properties.data()},
                                       {Py_tp_members, members.data()}});
}

// ---- HeapReference

/// The Heap that has a listed heap.
PyObject* object_of(const listed_heap& h) noexcept {
    const auto* const value = reinterpret_cast<const char*>(h.source);
    return reinterpret_cast<PyObject*>(const_cast<char*>(value) - offsetof(heap_object, value));
}

heap_reference_object* as_reference(PyObject* self) noexcept {
    return reinterpret_cast<heap_reference_object*>(self);
}

PyObject* reference_new(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    static constexpr std::array<const char*, 4> names{"heap", "cnt", "substream_index", "rate"};
    std::array<PyObject*, 4> values;
    if (!sort_arguments("HeapReference", names, 1, 1, args, keywords, values)) return nullptr;
    heap_object* const h = to_heap(values[0]);
    std::int64_t cnt = -1;
    std::size_t substream_index = 0;
    double rate = -1.0;
    if (h == nullptr || (values[1] != nullptr && !to_integer(values[1], "cnt", cnt)) ||
        (values[2] != nullptr && !to_integer(values[2], "substream_index", substream_index)) ||
        (values[3] != nullptr && !to_rate(values[3], rate)))
        return nullptr;
    PyObject* const self = type->tp_alloc(type, 0);
    if (self == nullptr) return nullptr;
    Py_INCREF(h);
    new (&as_reference(self)->value)
        listed_heap{&h->value, h->value.contents(), cnt, substream_index, rate};
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

// ---- HeapReferenceList

heap_reference_list_object* as_list(PyObject* self) noexcept {
    return reinterpret_cast<heap_reference_list_object*>(self);
}

/// The reference in \a object, or null with TypeError set.
const listed_heap* to_reference(PyObject* object, Py_ssize_t index) {
    if (PyObject_TypeCheck(object, heap_reference_type) != 0) return &as_reference(object)->value;
    set_error(PyExc_TypeError, "heaps[%zd] must be a HeapReference, not %R", index, object);
    return nullptr;
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

heap_object* to_heap(PyObject* object) noexcept {
    if (PyObject_TypeCheck(object, heap_type) != 0) return as_heap(object);
    set_error(PyExc_TypeError, "heap must be a Heap, not %R", object);
    return nullptr;
}

PyObject* new_heap(const flavour& f) noexcept {
    PyObject* const self = heap_type->tp_alloc(heap_type, 0);
    if (self == nullptr) return nullptr;
    try {
        new (&as_heap(self)->value) heap(f);
    } catch (...) {
        set_python_error();
        free_object(self);
        return nullptr;
    }
    return self;
}

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

void register_heap(py::module_& m) {
    add_heap_type(m);
    add_reference_type(m);
    add_list_type(m);
}

}  // namespace spead2::python
