// SPDX-License-Identifier: Apache-2.0
// HeapBase, Heap, IncompleteHeap and RawItem.
#include "heap.h"

#include <array>
#include <charconv>
#include <string>
#include <utility>

#include <spead2/wire/descriptor.h>

#include "bound_types.h"
#include "support/extension_type.h"

namespace spead2::python {
namespace {

PyTypeObject* heap_type = nullptr;
PyTypeObject* incomplete_heap_type = nullptr;
PyTypeObject* raw_item_type = nullptr;

received_heap_object* as_heap(PyObject* self) noexcept {
    return reinterpret_cast<received_heap_object*>(self);
}

raw_item_object* as_item(PyObject* self) noexcept {
    return reinterpret_cast<raw_item_object*>(self);
}

/// Call what may throw.
template <typename Function>
PyObject* object_or_error(Function&& function) noexcept {
    try {
        return std::forward<Function>(function)();
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

PyObject* no_constructor(PyTypeObject* type, PyObject*, PyObject*) {
    PyErr_Format(PyExc_TypeError, "objects of %s come from streams only", type->tp_name);
    return nullptr;
}

/// As Python's hex(), which its format strings for 64 bits do not have before 3.12.
std::string hexadecimal(std::uint64_t number) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.begin(), digits.end(), number, 16).ptr;
    return "0x" + std::string(digits.begin(), end);
}

// ---- RawItem

void item_dealloc(PyObject* self) {
    if (as_item(self)->weak_references != nullptr) PyObject_ClearWeakRefs(self);
    as_item(self)->heap.~shared_ptr();
    free_object(self);
}

PyObject* item_id(PyObject* self, void*) {
    return PyLong_FromUnsignedLongLong(as_item(self)->value->id);
}

PyObject* item_is_immediate(PyObject* self, void*) {
    return PyBool_FromLong(as_item(self)->value->is_immediate ? 1 : 0);
}

PyObject* item_immediate_value(PyObject* self, void*) {
    const recv::raw_item& item = *as_item(self)->value;
    if (!item.is_immediate) {
        const std::string text =
            "item " + hexadecimal(item.id) + " is not an immediate: its value is in the payload";
        PyErr_SetString(PyExc_ValueError, text.c_str());
        return nullptr;
    }
    return PyLong_FromUnsignedLongLong(item.immediate_value);
}

int item_get_buffer(PyObject* self, Py_buffer* view, int flags) {
    static std::uint8_t nothing = 0;
    const recv::raw_item& item = *as_item(self)->value;
    return PyBuffer_FillInfo(view, self, item.length != 0 ? item.data : &nothing,
                             static_cast<Py_ssize_t>(item.length), 0, flags);
}

PyObject* item_repr(PyObject* self) {
    const recv::raw_item& item = *as_item(self)->value;
    const std::string id = hexadecimal(item.id);
    if (item.is_immediate) {
        return PyUnicode_FromFormat("<RawItem %s, immediate %llu>", id.c_str(),
                                    static_cast<unsigned long long>(item.immediate_value));
    }
    return PyUnicode_FromFormat("<RawItem %s of %zu bytes>", id.c_str(), item.length);
}

void add_raw_item_type(py::module_& m) {
    static std::array<PyGetSetDef, 4> properties{{
        {"id", item_id, nullptr, "Item ID.", nullptr},
        {"is_immediate", item_is_immediate, nullptr,
         "Whether the value is in the item pointer itself.", nullptr},
        {"immediate_value", item_immediate_value, nullptr,
         "The value of an immediate; ValueError for other items.", nullptr},
        {nullptr, nullptr, nullptr, nullptr, nullptr},
    }};
    static std::array<PyMemberDef, 2> members{{
        {"__weaklistoffset__", T_PYSSIZET, offsetof(raw_item_object, weak_references), READONLY,
         nullptr},
        {nullptr, 0, 0, 0, nullptr},
    }};
    raw_item_type = add_type<raw_item_object>(
        m, "spead2._spead2.recv.RawItem", 0,
        {{Py_tp_doc,
          const_cast<char*>(  // NOLINT(*-const-cast) the slot's type
              "An item as it came. Its bytes are available through the buffer protocol, "
              "writable; those\nof an immediate are heap_address_bits / 8, the most "
              "significant first. It keeps its heap.")},
         {Py_tp_new, slot(no_constructor)},
         {Py_tp_dealloc, slot(item_dealloc)},
         {Py_tp_repr, slot(item_repr)},
         {Py_tp_getset, properties.data()},
         {Py_tp_members, members.data()},
         {Py_bf_getbuffer, slot(item_get_buffer)}});
}

// ---- Heaps

void heap_dealloc(PyObject* self) {
    if (as_heap(self)->weak_references != nullptr) PyObject_ClearWeakRefs(self);
    as_heap(self)->value.~shared_ptr();
    free_object(self);
}

PyObject* heap_cnt(PyObject* self, void*) {
    return PyLong_FromUnsignedLongLong(as_heap(self)->value->cnt());
}

PyObject* heap_flavour(PyObject* self, void*) {
    return object_or_error([&] {
        return py::cast(as_heap(self)->value->get_flavour(), py::return_value_policy::copy)
            .release()
            .ptr();
    });
}

PyObject* heap_get_items(PyObject* self, PyObject*) {
    return object_or_error([&]() -> PyObject* {
        const recv::heap_ptr& heap = as_heap(self)->value;
        py::list items;
        for (const recv::raw_item& item : heap->items()) {
            const auto made = py::reinterpret_steal<py::object>(new_raw_item(heap, item));
            if (!made) throw py::error_already_set();
            items.append(made);
        }
        return items.release().ptr();
    });
}

PyObject* heap_get_descriptors(PyObject* self, PyObject*) {
    return object_or_error([&]() -> PyObject* {
        py::list descriptors;
        for (descriptor& d : as_heap(self)->value->descriptors())
            descriptors.append(py::cast(std::move(d)));
        return descriptors.release().ptr();
    });
}

PyObject* heap_is_start_of_stream(PyObject* self, PyObject*) {
    return PyBool_FromLong(as_heap(self)->value->is_start_of_stream() ? 1 : 0);
}

PyObject* heap_is_end_of_stream(PyObject* self, PyObject*) {
    return PyBool_FromLong(as_heap(self)->value->is_end_of_stream() ? 1 : 0);
}

PyObject* heap_heap_length(PyObject* self, void*) {
    return PyLong_FromLongLong(as_heap(self)->value->heap_length());
}

PyObject* heap_received_length(PyObject* self, void*) {
    return PyLong_FromUnsignedLongLong(as_heap(self)->value->received_length());
}

PyObject* heap_payload_ranges(PyObject* self, void*) {
    return object_or_error([&]() -> PyObject* {
        py::list ranges;
        for (const auto& [begin, end] : as_heap(self)->value->payload_ranges())
            ranges.append(py::make_tuple(begin, end));
        return ranges.release().ptr();
    });
}

PyObject* heap_repr(PyObject* self) {
    const recv::heap& heap = *as_heap(self)->value;
    const auto cnt = static_cast<unsigned long long>(heap.cnt());
    const auto received = static_cast<unsigned long long>(heap.received_length());
    if (Py_TYPE(self) == heap_type)
        return PyUnicode_FromFormat("<spead2.recv.Heap %llu with %llu bytes of payload>", cnt,
                                    received);
    return PyUnicode_FromFormat(
        "<spead2.recv.IncompleteHeap %llu with %llu of %lld bytes of payload>", cnt, received,
        static_cast<long long>(heap.heap_length()));
}

PyTypeObject* add_heap_base(py::module_& m) {
    static std::array<PyMethodDef, 4> methods{{
        {"get_items", heap_get_items, METH_NOARGS,
         R"(get_items($self, /)
--

Items with values of the user's, stream control included.

Returns
-------
list of RawItem
    Those in the payload by address, then immediates by value. Items without any bytes are left
    out, as are exact repeats. New objects at each call.
)"},
        {"is_start_of_stream", heap_is_start_of_stream, METH_NOARGS,
         "is_start_of_stream($self, /)\n--\n\nWhether the heap says that the stream starts."},
        {"is_end_of_stream", heap_is_end_of_stream, METH_NOARGS,
         "is_end_of_stream($self, /)\n--\n\nWhether the heap says that the stream ends."},
        {nullptr, nullptr, 0, nullptr},
    }};
    static std::array<PyGetSetDef, 3> properties{{
        {"cnt", heap_cnt, nullptr, "Number of the heap.", nullptr},
        {"flavour", heap_flavour, nullptr, "Flavour of its packets; `bug_compat` is the stream's.",
         nullptr},
        {nullptr, nullptr, nullptr, nullptr, nullptr},
    }};
    static std::array<PyMemberDef, 2> members{{
        {"__weaklistoffset__", T_PYSSIZET, offsetof(received_heap_object, weak_references),
         READONLY, nullptr},
        {nullptr, 0, 0, 0, nullptr},
    }};
    return add_type<received_heap_object>(
        m, "spead2._spead2.recv.HeapBase", Py_TPFLAGS_BASETYPE,
        {{Py_tp_doc, const_cast<char*>("What all heaps have.")},  // NOLINT(*-const-cast)
         {Py_tp_new, slot(no_constructor)},
         {Py_tp_dealloc, slot(heap_dealloc)},
         {Py_tp_repr, slot(heap_repr)},
         {Py_tp_methods, methods.data()},
         {Py_tp_getset, properties.data()},
         {Py_tp_members, members.data()}});
}

void add_heap_types(py::module_& m) {
    auto* const base = reinterpret_cast<PyObject*>(add_heap_base(m));
    static std::array<PyMethodDef, 2> methods{{
        {"get_descriptors", heap_get_descriptors, METH_NOARGS,
         R"(get_descriptors($self, /)
--

Read the descriptions of items; what is wrong with them is logged.

Returns
-------
list of RawDescriptor
    Anew at each call.
)"},
        {nullptr, nullptr, 0, nullptr},
    }};
    heap_type = add_type<received_heap_object>(
        m, "spead2._spead2.recv.Heap", 0,
        {{Py_tp_doc, const_cast<char*>("A heap that came whole.")},  // NOLINT(*-const-cast)
         {Py_tp_methods, methods.data()}},
        base);
    static std::array<PyGetSetDef, 4> properties{{
        {"heap_length", heap_heap_length, nullptr,
         "Bytes of payload that there should be; -1: no packet said.", nullptr},
        {"received_length", heap_received_length, nullptr, "Bytes of payload that came.", nullptr},
        {"payload_ranges", heap_payload_ranges, nullptr,
         "List of (begin, end) of the pieces that came, where the stream keeps that.", nullptr},
        {nullptr, nullptr, nullptr, nullptr, nullptr},
    }};
    incomplete_heap_type = add_type<received_heap_object>(
        m, "spead2._spead2.recv.IncompleteHeap", 0,
        {{Py_tp_doc,
          const_cast<char*>(  // NOLINT(*-const-cast)
              "A heap of which only a part came. It has its immediates only.")},
         {Py_tp_getset, properties.data()}},
        base);
}

}  // namespace

PyObject* new_received_heap(recv::heap_ptr heap) noexcept {
    PyTypeObject* const type = heap->complete() ? heap_type : incomplete_heap_type;
    PyObject* const self = type->tp_alloc(type, 0);
    if (self != nullptr) new (&as_heap(self)->value) recv::heap_ptr(std::move(heap));
    return self;
}

PyObject* new_raw_item(const recv::heap_ptr& heap, const recv::raw_item& item) noexcept {
    PyObject* const self = raw_item_type->tp_alloc(raw_item_type, 0);
    if (self == nullptr) return nullptr;
    new (&as_item(self)->heap) recv::heap_ptr(heap);
    as_item(self)->value = &item;
    return self;
}

received_heap_object* to_received_heap(PyObject* object) noexcept {
    return Py_TYPE(object) == heap_type ? as_heap(object) : nullptr;
}

void register_recv_heap(py::module_& m) {
    add_raw_item_type(m);
    add_heap_types(m);
}

}  // namespace spead2::python
