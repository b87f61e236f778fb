// SPDX-License-Identifier: Apache-2.0
// The extension type below HeapGenerator: which items of a group are new, and the heap of those.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "bindings.h"
#include "core/common.h"
#include "core/encode.h"
#include "heap.h"
#include "sent_notes.h"
#include "support/arguments.h"
#include "support/extension_type.h"
#include "support/objects.h"

namespace spead2::python {
namespace {

enum class which : std::uint8_t { stale, all, none };

/// What becomes of a note when a heap is full.
struct change {
    std::size_t at;
    note now;
    py::object item;  ///< weak reference to one that is new; null where it cannot be had
};

/// What fill() works with.
struct workspace {
    std::vector<py::object> items;
    std::vector<encoded_item> encoded;
    std::vector<change> changes;

    /// Whether it takes no more memory than is worth keeping.
    [[nodiscard]] bool is_small() const noexcept { return items.capacity() <= 256; }
    void clear() noexcept {
        changes.clear();
        encoded.clear();
        items.clear();
    }
};

struct generator_object {
    PyObject_HEAD PyObject* item_group;
    flavour value_flavour;
    std::optional<std::int64_t> descriptor_frequency;
    std::uint64_t heaps;  ///< made so far
    sent_notes notes;
    std::unique_ptr<workspace> spare;  ///< null or empty: the last one, for its memory
};

PyObject* add_to_heap_method = nullptr;
PyObject* plain_values = nullptr;  // ItemGroup.values

struct {
    PyObject* add_to_heap;
    PyObject* values;
    PyObject* by_name;
    PyObject* value;
    PyObject* version;
    PyObject* stale;
    PyObject* all;
    PyObject* none;
} generator_names;

generator_object* as_generator(PyObject* self) noexcept {
    return reinterpret_cast<generator_object*>(self);
}

PyObject* generator_new(PyTypeObject* type, PyObject*, PyObject*) {
    PyObject* const self = type->tp_alloc(type, 0);
    if (self == nullptr) return nullptr;
    generator_object* const g = as_generator(self);
    new (&g->value_flavour) flavour();
    new (&g->descriptor_frequency) std::optional<std::int64_t>();
    new (&g->notes) sent_notes();
    new (&g->spare) std::unique_ptr<workspace>();
    return self;
}

int generator_init(PyObject* self, PyObject* args, PyObject* keywords) {
    static constexpr std::array<const char*, 3> parameters{"item_group", "descriptor_frequency",
                                                           "flavour"};
    std::array<PyObject*, 3> values;
    if (!sort_arguments("HeapGenerator", parameters, 1, 3, args, keywords, values)) return -1;
    std::optional<std::int64_t> frequency;
    flavour f;
    if (values[1] != nullptr && values[1] != Py_None) {
        std::int64_t n = 0;
        if (!to_integer(values[1], "descriptor_frequency", n)) return -1;
        frequency = n;
    }
    if (values[2] != nullptr && !to_flavour(values[2], f)) return -1;
    generator_object* const g = as_generator(self);
    g->descriptor_frequency = frequency;
    g->value_flavour = f;
    Py_INCREF(values[0]);
    Py_XDECREF(std::exchange(g->item_group, values[0]));
    return 0;
}

int generator_traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(as_generator(self)->item_group);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

int generator_clear(PyObject* self) {
    Py_CLEAR(as_generator(self)->item_group);
    return 0;
}

void generator_dealloc(PyObject* self) {
    PyObject_GC_UnTrack(self);
    static_cast<void>(generator_clear(self));
    std::destroy_at(&as_generator(self)->spare);
    as_generator(self)->notes.~sent_notes();
    free_object(self);
}

/// 'stale', 'all' or 'none'.
which to_which(PyObject* text, const char* name) {
    if (text == nullptr || text == generator_names.stale) return which::stale;
    if (text == generator_names.all) return which::all;
    if (text == generator_names.none) return which::none;
    if (PyUnicode_Check(text)) {
        if (PyUnicode_Compare(text, generator_names.stale) == 0) return which::stale;
        if (PyUnicode_Compare(text, generator_names.all) == 0) return which::all;
        if (PyUnicode_Compare(text, generator_names.none) == 0) return which::none;
    }
    set_error(PyExc_ValueError, "%s is %R, but must be one of 'stale', 'all', 'none'", name, text);
    throw py::error_already_set();
}

/// The items of a group.
void list_items(PyObject* self, PyObject* group, std::vector<py::object>& items) {
    // A generator without a group is one itself, by inheritance.
    if (group == nullptr || group == Py_None) group = self;
    const auto owned = py::reinterpret_borrow<py::object>(group);  // the generator may get another
    PyObject* const values = _PyType_Lookup(Py_TYPE(group), generator_names.values);
    if (values == plain_values && values != nullptr) {
        const py::object by_name =
            steal(run_python<PyObject_GetAttr>(group, generator_names.by_name));
        PyObject* name = nullptr;
        PyObject* item = nullptr;
        Py_ssize_t at = 0;
        while (PyDict_Next(by_name.ptr(), &at, &name, &item) != 0)
            items.push_back(py::reinterpret_borrow<py::object>(item));
        return;
    }
    if (values == nullptr && group == self) {
        PyErr_SetString(PyExc_TypeError,
                        "no item_group was given, neither to the constructor nor to the call");
        throw py::error_already_set();
    }
    if (values == nullptr) {
        set_error(PyExc_TypeError, "item_group must be an ItemGroup, not %R", group);
        throw py::error_already_set();
    }
    const py::object list = steal(run_python<PySequence_List>(
        steal(run_python<PyObject_CallMethodNoArgs>(group, generator_names.values)).ptr()));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list.ptr()); ++i)
        items.push_back(py::reinterpret_borrow<py::object>(PyList_GET_ITEM(list.ptr(), i)));
}

/// Encode what is to go of an item, and note it. An error leaves the notes as they are.
void look_at(generator_object& g, PyObject* object, const flavour& f, which descriptors, which data,
             workspace& work) {
    descriptor_object* const item = to_item(object);
    if (item == nullptr) {
        set_error(PyExc_TypeError, "the item group holds %R, which is not an Item", object);
        throw py::error_already_set();
    }
    std::int64_t version = item->version;
    bool has_value = item->value != nullptr;
    if (!is_plain(object)) {
        has_value =
            steal(run_python<PyObject_GetAttr>(object, generator_names.value)).ptr() != Py_None;
        const py::object v = steal(run_python<PyObject_GetAttr>(object, generator_names.version));
        if (!to_integer(v.ptr(), "version", version)) throw py::error_already_set();
    }
    const std::uint64_t id = item_id(object);
    const std::size_t at = g.notes.find(*item, id);
    const note& before = g.notes.at(at);
    const bool is_new = before.serial != item->serial;
    const bool with_descriptor =
        descriptors == which::all ||
        (descriptors == which::stale &&
         (is_new || before.descriptor.is_due(g.heaps, g.descriptor_frequency)));
    const bool with_value =
        has_value && (data == which::all || (data == which::stale && (is_new || !before.has_value ||
                                                                      before.version != version)));
    if (!with_descriptor && !with_value) return;
    change& c = work.changes.emplace_back();
    c.at = at;
    if (is_new) {
        c.now.id = id;
        c.now.serial = item->serial;
        c.item = py::reinterpret_steal<py::object>(run_python<PyWeakref_NewRef>(object, nullptr));
        if (!c.item) PyErr_Clear();
    } else {
        c.now = before;  // now: what is run below may move the notes
    }
    if (with_descriptor) {
        encode_item_descriptor(object, f, work.encoded.emplace_back());
        c.now.descriptor.sent(g.heaps);
    }
    if (with_value) {
        encode_item(object, work.encoded.emplace_back());
        f.check_id(work.encoded.back().id);
        c.now.has_value = true;
        c.now.version = version;
    }
}

/// Encode everything that is to go, then change heap and notes; an error changes nothing.
void fill(generator_object& g, PyObject* group, heap& h, which descriptors, which data) {
    // Taken, since encoding may run code that comes here, too.
    std::unique_ptr<workspace> work = std::move(g.spare);
    if (!work) work = std::make_unique<workspace>();
    list_items(reinterpret_cast<PyObject*>(&g), group, work->items);
    const flavour f = h.get_flavour();
    const std::uint64_t prunes = g.notes.prunes();
    for (const py::object& item : work->items) look_at(g, item.ptr(), f, descriptors, data, *work);
    check_same_flavour(h, f);
    h.reserve(work->encoded.size());
    for (encoded_item& e : work->encoded) add_encoded(h, e);
    for (change& c : work->changes) {
        // What was run may have made heaps, too, and had notes forgotten.
        const std::size_t at = g.notes.prunes() == prunes ? c.at : g.notes.find(c.now.id);
        g.notes.set(at, c.now);
        if (c.item) Py_XDECREF(g.notes.set_item(at, c.item.release().ptr()));
    }
    ++g.heaps;
    g.notes.prune();
    work->clear();  // may run code, too
    if (work->is_small()) g.spare = std::move(work);
}

/// The arguments of add_to_heap() after the heap, by position and name.
constexpr std::array<const char*, 4> add_parameters{"heap", "descriptors", "data", "item_group"};

PyObject* add_to_heap(PyObject* self, PyObject* const* args, Py_ssize_t n_args,
                      PyObject* keywords) {
    std::array<PyObject*, 4> values;
    if (!sort_arguments("add_to_heap", add_parameters, 1, 4, args, n_args, keywords, values))
        return nullptr;
    try {
        const which descriptors = to_which(values[1], "descriptors");
        const which data = to_which(values[2], "data");
        heap_object* const h = to_heap(values[0]);
        if (h == nullptr) return nullptr;
        generator_object& g = *as_generator(self);
        fill(g, values[3] != nullptr && values[3] != Py_None ? values[3] : g.item_group, h->value,
             descriptors, data);
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    Py_INCREF(values[0]);
    return values[0];
}

PyObject* get_heap(PyObject* self, PyObject* const* args, Py_ssize_t n_args, PyObject* keywords) {
    generator_object& g = *as_generator(self);
    const auto h = py::reinterpret_steal<py::object>(new_heap(g.value_flavour));
    if (!h) return nullptr;
    if (_PyType_Lookup(Py_TYPE(self), generator_names.add_to_heap) == add_to_heap_method) {
        if (n_args == 0 && keywords == nullptr) {
            try {
                fill(g, g.item_group, to_heap(h.ptr())->value, which::stale, which::stale);
            } catch (...) {
                set_python_error();
                return nullptr;
            }
            return h.inc_ref().ptr();
        }
    }
    // Also for classes that do something of their own when a heap is filled.
    try {
        const Py_ssize_t n_keywords = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
        std::vector<PyObject*> all{self, h.ptr()};
        all.insert(all.end(), args, args + n_args + n_keywords);
        return run_python<PyObject_VectorcallMethod>(generator_names.add_to_heap, all.data(),
                                                     static_cast<std::size_t>(2 + n_args),
                                                     keywords);
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

template <void (heap::*Add)()>
PyObject* control_heap(PyObject* self, PyObject*) {
    const auto h = py::reinterpret_steal<py::object>(new_heap(as_generator(self)->value_flavour));
    if (!h) return nullptr;
    try {
        (to_heap(h.ptr())->value.*Add)();
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    return h.inc_ref().ptr();
}

/// Remember ItemGroup.values, whose result can be had faster than by calling it.
PyObject* set_item_group_class(PyObject*, PyObject* type) {
    plain_values = _PyType_Lookup(reinterpret_cast<PyTypeObject*>(type), generator_names.values);
    Py_XINCREF(plain_values);
    Py_RETURN_NONE;
}

}  // namespace

void register_heap_generator(py::module_& m) {
    generator_names = {intern("add_to_heap"), intern("values"), intern("_by_name"), intern("value"),
                       intern("version"),     intern("stale"),  intern("all"),      intern("none")};
    static std::array<PyMethodDef, 5> methods{{
        {"add_to_heap", method(add_to_heap), METH_FASTCALL | METH_KEYWORDS,
         R"(add_to_heap($self, heap, descriptors='stale', data='stale', item_group=None)
--

Add to a heap what is new since the last call. An error leaves heap and generator unchanged.

Parameters
----------
heap : Heap
descriptors : {'stale', 'all', 'none'}
    Which descriptors: those not sent yet or not often enough (see `descriptor_frequency`), all,
    or none.
data : {'stale', 'all', 'none'}
    Which values: those that changed since they were sent, all, or none. Items without a value
    are skipped.
item_group : ItemGroup, optional
    Take the items from this group instead of the one given to the constructor.

Returns
-------
Heap
    `heap`

Raises
------
ValueError
    If `descriptors` or `data` is none of these words, or an item cannot be encoded.
)"},
        {"get_heap", method(get_heap), METH_FASTCALL | METH_KEYWORDS,
         R"(get_heap($self, descriptors='stale', data='stale', item_group=None)
--

Make a heap of what is new since the last call: :meth:`add_to_heap` on a new heap.

Returns
-------
Heap
)"},
        {"get_start", control_heap<&heap::add_start>, METH_NOARGS,
         "get_start($self, /)\n--\n\nMake a heap that only says that the stream starts."},
        {"get_end", control_heap<&heap::add_end>, METH_NOARGS,
         "get_end($self, /)\n--\n\nMake a heap that only says that the stream ends."},
        {nullptr, nullptr, 0, nullptr},
    }};
    PyTypeObject* const type = add_type<generator_object>(
        m, "spead2._spead2.HeapGeneratorBase", Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
        {{Py_tp_new, slot(generator_new)},
         {Py_tp_init, slot(generator_init)},
         {Py_tp_dealloc, slot(generator_dealloc)},
         {Py_tp_traverse, slot(generator_traverse)},
         {Py_tp_clear, slot(generator_clear)},
         {Py_tp_methods, methods.data()}});
    add_to_heap_method = _PyType_Lookup(type, generator_names.add_to_heap);
    static PyMethodDef definition{"_set_item_group_class", set_item_group_class, METH_O, nullptr};
    m.attr("_set_item_group_class") =
        py::reinterpret_steal<py::object>(PyCFunction_New(&definition, nullptr));
}

}  // namespace spead2::python
