// SPDX-License-Identifier: Apache-2.0
// ItemGroup.update() without the descriptors: the values of a received heap go to the items of a
// group. How bytes become a value is core/decode.h's part.
#include <cstdint>
#include <string>

#include <spead2/wire/protocol.h>

#include "bindings.h"
#include "core/decode.h"
#include "heap.h"
#include "support/arguments.h"
#include "support/objects.h"

namespace spead2::python {
namespace {

struct {
    PyObject* get_items;
    PyObject* id;
    PyObject* name;
    PyObject* set_from_raw;
    PyObject* version;
} names;

/// Complains of values that nothing is known about, but not of as many as a network may send.
class missing_descriptors {
public:
    /// \param log  takes a message and what is to be put into it
    explicit missing_descriptors(const py::object& log) : log_(log) {}
    void add(std::uint64_t id) {
        if (++n_ <= limit) log_("Item with ID %#x received but there is no descriptor", id);
    }
    void finish() const {
        if (n_ > limit) log_("... and %d more items of the heap without a descriptor", n_ - limit);
    }

private:
    static constexpr std::size_t limit = 32;
    const py::object& log_;
    std::size_t n_ = 0;
};

/// Set a value, by a method of the item's class if that has its own. The version goes up by 2:
/// by 1 for the value, and by 1 for the heap.
void set_value(const py::object& item, PyObject* raw, PyObject* new_order) {
    if (is_plain(item.ptr())) {
        receive_raw(item.ptr(), raw, new_order, 2);
        return;
    }
    steal(run_python<PyObject_CallMethodObjArgs>(item.ptr(), names.set_from_raw, raw, new_order,
                                                 nullptr));
    const py::object version = steal(run_python<PyObject_GetAttr>(item.ptr(), names.version));
    const py::object raised = steal(run_python<PyNumber_Add>(version.ptr(), py::int_(1).ptr()));
    if (run_python<PyObject_SetAttr>(item.ptr(), names.version, raised.ptr()) != 0)
        throw py::error_already_set();
}

void note(const py::dict& updated, const py::object& item) {
    const descriptor_object* const d = to_item(item.ptr());
    const py::object name = d != nullptr && d->name != nullptr && is_plain(item.ptr())
                                ? py::reinterpret_borrow<py::object>(d->name)
                                : steal(run_python<PyObject_GetAttr>(item.ptr(), names.name));
    if (run_python<PyDict_SetItem>(updated.ptr(), name.ptr(), item.ptr()) != 0)
        throw py::error_already_set();
}

/// From anything with get_items().
py::dict update_from_any(const py::object& by_id, const py::object& heap, PyObject* new_order,
                         const py::object& log) {
    py::dict updated;
    missing_descriptors missing(log);
    const py::object raw_items = steal(run_python<PySequence_Fast>(
        steal(run_python<PyObject_CallMethodNoArgs>(heap.ptr(), names.get_items)).ptr(),
        "get_items() must return a sequence"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(raw_items.ptr()); ++i) {
        const auto raw =
            py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(raw_items.ptr(), i));
        const py::object id = steal(run_python<PyObject_GetAttr>(raw.ptr(), names.id));
        auto item = py::reinterpret_borrow<py::object>(
            run_python<PyDict_GetItemWithError>(by_id.ptr(), id.ptr()));
        if (!item) {
            if (PyErr_Occurred() != nullptr) throw py::error_already_set();
            const auto number = to_integer<std::uint64_t>(id, "id");
            if (number != stream_ctrl_id) missing.add(number);
            continue;
        }
        set_value(item, raw.ptr(), new_order);
        note(updated, item);
    }
    missing.finish();
    return updated;
}

/// From a Heap, whose items need no Python objects.
py::dict update_from_heap(const py::object& by_id, const py::object& heap,
                          const recv::heap_ptr& received, PyObject* new_order,
                          const py::object& log) {
    py::dict updated;
    missing_descriptors missing(log);
    for (const recv::raw_item& raw : received->items()) {
        const py::object id = steal(PyLong_FromUnsignedLongLong(raw.id));
        auto item = py::reinterpret_borrow<py::object>(
            run_python<PyDict_GetItemWithError>(by_id.ptr(), id.ptr()));
        if (!item) {
            if (PyErr_Occurred() != nullptr) throw py::error_already_set();
            if (raw.id != stream_ctrl_id) missing.add(raw.id);
            continue;
        }
        if (is_plain(item.ptr())) {
            receive_value(item.ptr(), {raw.data, raw.length, raw.is_immediate, heap.ptr(), true},
                          new_order, 2);
        } else {
            set_value(item, steal(new_raw_item(received, raw)).ptr(), new_order);
        }
        note(updated, item);
    }
    missing.finish();
    for (const std::uint64_t number : received->empty_items()) {
        const py::object id = steal(PyLong_FromUnsignedLongLong(number));
        auto item = py::reinterpret_borrow<py::object>(
            run_python<PyDict_GetItemWithError>(by_id.ptr(), id.ptr()));
        if (!item && PyErr_Occurred() != nullptr) throw py::error_already_set();
        // No bytes are a value only where there may be no elements.
        if (!item || !is_plain(item.ptr()) || !may_be_empty(item.ptr())) continue;
        receive_value(item.ptr(), {nullptr, 0, false, nullptr, false}, new_order, 2);
        note(updated, item);
    }
    return updated;
}

PyObject* update_items(PyObject*, PyObject* args) {
    PyObject* by_id = nullptr;
    PyObject* heap = nullptr;
    PyObject* new_order = nullptr;
    PyObject* warn = nullptr;
    if (PyArg_ParseTuple(args, "O!OOO", &PyDict_Type, &by_id, &heap, &new_order, &warn) == 0)
        return nullptr;
    try {
        const auto group = py::reinterpret_borrow<py::object>(by_id);
        const auto kept = py::reinterpret_borrow<py::object>(heap);
        const auto log = py::reinterpret_borrow<py::object>(warn);
        const received_heap_object* const received = to_received_heap(heap);
        py::dict updated =
            received != nullptr
                ? update_from_heap(group, kept, recv::heap_ptr(received->value), new_order, log)
                : update_from_any(group, kept, new_order, log);
        return updated.release().ptr();
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

}  // namespace

void register_update(py::module_& m) {
    const auto intern = [](const char* text) {
        return steal(PyUnicode_InternFromString(text)).release().ptr();
    };
    names = {intern("get_items"), intern("id"), intern("name"), intern("set_from_raw"),
             intern("version")};
    static PyMethodDef definition{"update_items", update_items, METH_VARARGS, nullptr};
    m.attr("update_items") =
        py::reinterpret_steal<py::object>(PyCFunction_New(&definition, nullptr));
}

}  // namespace spead2::python
