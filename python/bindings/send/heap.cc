// SPDX-License-Identifier: Apache-2.0
// Heap.
#include "heap.h"

#include <array>
#include <cstddef>
#include <new>

#include "bindings.h"
#include "core/common.h"
#include "core/encode.h"
#include "support/arguments.h"
#include "support/extension_type.h"

namespace spead2::python {
namespace {

PyTypeObject* heap_type = nullptr;

heap_object* as_heap(PyObject* self) noexcept { return reinterpret_cast<heap_object*>(self); }

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

void register_heap(py::module_& m) { add_heap_type(m); }

}  // namespace spead2::python
