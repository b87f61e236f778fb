// SPDX-License-Identifier: Apache-2.0
// The extension types below Descriptor and Item: their life and their attributes.
#include "item.h"

#include <algorithm>
#include <array>
#include <utility>

#include "bindings.h"
#include "item_description.h"
#include "support/arguments.h"
#include "support/extension_type.h"
#include "support/objects.h"

namespace spead2::python {
namespace {

PyTypeObject* descriptor_base = nullptr;
PyTypeObject* item_base = nullptr;
// The class Item itself, and what tells whether a class derived from it changes anything.
PyTypeObject* item_class = nullptr;
struct overridable {
    PyObject* name;
    PyObject* original;
};
std::array<overridable, 7> overridables{};

struct {
    PyObject* id;
    PyObject* to_buffer;
    PyObject* allow_immediate;
    PyObject* prepare;
    PyObject* value;
    PyObject* version;
    PyObject* set_from_raw;
} item_names;

// ---- Life of the objects

constexpr std::array<object_member, 12> members{
    &descriptor_object::id,          &descriptor_object::name,
    &descriptor_object::description, &descriptor_object::shape,
    &descriptor_object::dtype,       &descriptor_object::order,
    &descriptor_object::format,      &descriptor_object::value,
    &descriptor_object::array_dtype, &descriptor_object::itemsize_bits,
    &descriptor_object::plan,        &descriptor_object::shared_format};

PyObject* descriptor_new(PyTypeObject* type, PyObject*, PyObject*) {
    static std::uint64_t last_serial = 0;  // under the GIL
    PyObject* const self = type->tp_alloc(type, 0);
    if (self == nullptr) return nullptr;
    descriptor_object* const d = as_descriptor(self);  // zeros so far
    d->version = 1;
    d->serial = ++last_serial;
    new (&d->dimensions) std::vector<Py_ssize_t>();
    new (&d->decoder) std::shared_ptr<const value_decoder>();
    new (&d->encoded) std::shared_ptr<const std::vector<std::uint8_t>>();
    new (&d->encoded_flavour) flavour();
    return self;
}

int descriptor_traverse(PyObject* self, visitproc visit, void* arg) {
    for (const object_member member : members) Py_VISIT(as_descriptor(self)->*member);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

int descriptor_clear(PyObject* self) {
    for (const object_member member : members) Py_CLEAR(as_descriptor(self)->*member);
    as_descriptor(self)->prepared = false;
    return 0;
}

void descriptor_dealloc(PyObject* self) {
    PyObject_GC_UnTrack(self);
    static_cast<void>(descriptor_clear(self));
    as_descriptor(self)->dimensions.~vector();
    as_descriptor(self)->decoder.~shared_ptr();
    as_descriptor(self)->encoded.~shared_ptr();
    free_object(self);
}

// ---- Attributes

template <object_member Member>
PyObject* get_object(PyObject* self, void*) {
    PyObject* value = as_descriptor(self)->*Member;
    if (value == nullptr) value = Py_None;
    Py_INCREF(value);
    return value;
}

/// A list that may be changed. Most are never asked for, and each is work for the garbage collector, so
/// it is made when it is.
PyObject* format_as_list(PyObject* self, void* closure) {
    descriptor_object& d = *as_descriptor(self);
    if (d.format == nullptr && d.shared_format != nullptr) {
        const auto fields = py::reinterpret_borrow<py::object>(d.shared_format);
        PyObject* const list = PySequence_List(fields.ptr());  // may run code that sets it
        if (list == nullptr) return nullptr;
        if (d.format == nullptr)
            d.format = list;
        else
            Py_DECREF(list);
    }
    return get_object<&descriptor_object::format>(self, closure);
}

template <object_member Member>
int set_object(PyObject* self, PyObject* value, void*) {
    if (value == nullptr) {
        PyErr_SetString(PyExc_AttributeError, "the attributes of a descriptor cannot be deleted");
        return -1;
    }
    Py_INCREF(value);
    PyObject* const old = std::exchange(as_descriptor(self)->*Member, value);
    as_descriptor(self)->prepared = false;
    as_descriptor(self)->encoded.reset();
    Py_XDECREF(old);
    return 0;
}

int set_value(PyObject* self, PyObject* value, void*) {
    if (value == nullptr || value == Py_None) {
        PyErr_SetString(PyExc_ValueError, "the value of an item cannot be set to None or deleted");
        return -1;
    }
    descriptor_object* const d = as_descriptor(self);
    Py_INCREF(value);
    PyObject* const old = std::exchange(d->value, value);
    ++d->version;
    Py_XDECREF(old);
    return 0;
}

/// Values are set for every heap; the rest goes the usual way.
int set_attribute(PyObject* self, PyObject* name, PyObject* value) {
    if (name == item_names.value && Py_TYPE(self) == item_class)
        return set_value(self, value, nullptr);
    return run_python<PyObject_GenericSetAttr>(self, name, value);
}

PyObject* get_version(PyObject* self, void*) {
    return PyLong_FromLongLong(as_descriptor(self)->version);
}

int set_version(PyObject* self, PyObject* value, void*) {
    if (value == nullptr) {
        PyErr_SetString(PyExc_AttributeError, "version cannot be deleted");
        return -1;
    }
    std::int64_t version = 0;
    if (!to_integer(value, "version", version)) return -1;
    as_descriptor(self)->version = version;
    return 0;
}

/// The first value, which does not count as a change.
PyObject* set_first_value(PyObject* self, PyObject* value) {
    if (value != Py_None) {
        Py_INCREF(value);
        Py_XDECREF(std::exchange(as_descriptor(self)->value, value));
    }
    Py_RETURN_NONE;
}

template <object_member Member>
PyObject* get_prepared(PyObject* self, void* closure) {
    if (!is_prepared(self)) return nullptr;
    return get_object<Member>(self, closure);
}

// ---- Types

template <object_member Member>
constexpr PyGetSetDef attribute(const char* name, const char* doc) {
    return {name, get_object<Member>, set_object<Member>, doc, nullptr};
}

void add_descriptor_base(py::module_& m) {
    static std::array<PyMethodDef, 5> methods{{
        {"_set_encoding", set_encoding, METH_VARARGS, nullptr},
        {"_describe_as", method(describe_as), METH_FASTCALL, nullptr},
        {"allow_immediate", allow_immediate, METH_NOARGS,
         "allow_immediate($self, /)\n--\n\n"
         "Whether values may go as immediates: the shape is fixed, an element whole bytes."},
        {"is_variable_size", is_variable_size, METH_NOARGS,
         "is_variable_size($self, /)\n--\n\nWhether the shape has an unknown dimension."},
        {nullptr, nullptr, 0, nullptr},
    }};
    static std::array<PyGetSetDef, 11> properties{{
        attribute<&descriptor_object::id>("id", "Item ID."),
        attribute<&descriptor_object::name>("name", "Short name, ASCII."),
        attribute<&descriptor_object::description>("description", "Longer text, ASCII."),
        attribute<&descriptor_object::shape>("shape", "Dimensions; None for an unknown one."),
        attribute<&descriptor_object::dtype>("dtype", "numpy dtype, or None."),
        attribute<&descriptor_object::order>("order", "'C' or 'F'."),
        {"format", format_as_list, set_object<&descriptor_object::format>,
         "Pairs of code and bits, or None.", nullptr},
        {"itemsize_bits", get_prepared<&descriptor_object::itemsize_bits>, nullptr,
         "Bits of one element.", nullptr},
        {"_array_dtype", get_prepared<&descriptor_object::array_dtype>, nullptr, nullptr, nullptr},
        {"_plan", get_prepared<&descriptor_object::plan>, nullptr, nullptr, nullptr},
        {nullptr, nullptr, nullptr, nullptr, nullptr},
    }};
    descriptor_base = add_type<descriptor_object>(m, "spead2._spead2.DescriptorBase",
                                                  Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                                                  {{Py_tp_new, slot(descriptor_new)},
                                                   {Py_tp_dealloc, slot(descriptor_dealloc)},
                                                   {Py_tp_traverse, slot(descriptor_traverse)},
                                                   {Py_tp_clear, slot(descriptor_clear)},
                                                   {Py_tp_methods, methods.data()},
                                                   {Py_tp_getset, properties.data()}});
}

void add_item_base(py::module_& m) {
    static std::array<PyMethodDef, 2> methods{{
        {"_set_first_value", set_first_value, METH_O, nullptr},
        {nullptr, nullptr, 0, nullptr},
    }};
    static std::array<PyGetSetDef, 3> properties{{
        {"value", get_object<&descriptor_object::value>, set_value,
         "The value, None at first. Setting it raises `version`.", nullptr},
        {"version", get_version, set_version, "Number that changes with the value.", nullptr},
        {nullptr, nullptr, nullptr, nullptr, nullptr},
    }};
    item_base = add_type<descriptor_object>(m, "spead2._spead2.ItemBase", Py_TPFLAGS_BASETYPE,
                                            {{Py_tp_setattro, slot(set_attribute)},
                                             {Py_tp_methods, methods.data()},
                                             {Py_tp_getset, properties.data()}},
                                            reinterpret_cast<PyObject*>(descriptor_base));
}

/// Remember the class Item, which is made in Python.
PyObject* set_item_class(PyObject*, PyObject* type) {
    const std::array<PyObject*, 7> attributes{
        item_names.id,      item_names.to_buffer, item_names.allow_immediate, item_names.value,
        item_names.version, item_names.prepare,   item_names.set_from_raw};
    item_class = reinterpret_cast<PyTypeObject*>(type);
    Py_INCREF(type);
    for (std::size_t i = 0; i < attributes.size(); ++i) {
        // Kept, so that no other object can come to lie in its place.
        PyObject* const original = _PyType_Lookup(item_class, attributes[i]);
        Py_XINCREF(original);
        overridables[i] = {attributes[i], original};
    }
    Py_RETURN_NONE;
}

}  // namespace

std::uint64_t to_item_id(PyObject* id) {
    if (id != nullptr && PyLong_CheckExact(id)) {
        const std::uint64_t number = PyLong_AsUnsignedLongLong(id);
        if (number != ~std::uint64_t{0} || PyErr_Occurred() == nullptr) return number;
        PyErr_Clear();
    }
    // Converting it may run code that changes the item which lends it.
    const auto owned = py::reinterpret_borrow<py::object>(id);
    std::uint64_t number = 0;
    if (!to_integer(id, "item ID", number)) {
        if (PyErr_ExceptionMatches(PyExc_TypeError) != 0 && PyLong_Check(id)) {
            PyErr_Clear();
            set_error(PyExc_ValueError, "item ID %R is out of range 1 to 2**63 - 1", id);
        }
        throw py::error_already_set();
    }
    return number;
}

descriptor_object* to_descriptor(PyObject* object) noexcept {
    return PyObject_TypeCheck(object, descriptor_base) != 0 ? as_descriptor(object) : nullptr;
}

descriptor_object* to_item(PyObject* object) noexcept {
    // Nearly always it is one, and then its bases need not be gone through.
    const bool is_item =
        Py_TYPE(object) == item_class || PyObject_TypeCheck(object, item_base) != 0;
    return is_item ? as_descriptor(object) : nullptr;
}

bool is_plain(PyObject* item) noexcept {
    PyTypeObject* const type = Py_TYPE(item);
    if (type == item_class) return true;
    return std::all_of(overridables.begin(), overridables.end(), [type](const overridable& o) {
        return _PyType_Lookup(type, o.name) == o.original;
    });
}

std::uint64_t item_id(PyObject* item) {
    if (const descriptor_object* const d = to_item(item);
        d != nullptr && d->id != nullptr && is_plain(item))
        return to_item_id(d->id);
    return to_item_id(steal(run_python<PyObject_GetAttr>(item, item_names.id)).ptr());
}

void register_item(py::module_& m) {
    item_names = {intern("id"),          intern("to_buffer"), intern("allow_immediate"),
                  intern("_prepare"),    intern("value"),     intern("version"),
                  intern("set_from_raw")};
    add_descriptor_base(m);
    add_item_base(m);
    static PyMethodDef definition{"_set_item_class", set_item_class, METH_O, nullptr};
    m.attr("_set_item_class") =
        py::reinterpret_steal<py::object>(PyCFunction_New(&definition, nullptr));
}

}  // namespace spead2::python
