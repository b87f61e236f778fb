// SPDX-License-Identifier: Apache-2.0
// The extension types below Descriptor and Item, and the encoding of values and descriptions.
#include "item.h"

#include <pybind11/numpy.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include <spead2/wire/number.h>

#include "bindings.h"
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

PyTypeObject* numpy_array = nullptr;
PyTypeObject* numpy_integer = nullptr;
PyObject* dtype_big_u8 = nullptr;
PyObject* dtype_big_i8 = nullptr;

struct {
    PyObject* id;
    PyObject* to_buffer;
    PyObject* allow_immediate;
    PyObject* prepare;
    PyObject* numpy_header;
    PyObject* value;
    PyObject* version;
    PyObject* set_from_raw;
} names;

// Flags of numpy arrays; part of its binary interface.
constexpr int array_c_contiguous = 1;
constexpr int array_f_contiguous = 2;

descriptor_object* as_descriptor(PyObject* self) noexcept {
    return reinterpret_cast<descriptor_object*>(self);
}

bool same_dtype(PyObject* a, PyObject* b) {
    return a == b || py::detail::npy_api::get().PyArray_EquivTypes_(a, b);
}

const py::detail::PyArray_Proxy* as_array(PyObject* object) {
    return py::detail::array_proxy(object);
}

// ---- Life of the objects

using object_member = PyObject* descriptor_object::*;

constexpr std::array<object_member, 11> members{
    &descriptor_object::id,          &descriptor_object::name,
    &descriptor_object::description, &descriptor_object::shape,
    &descriptor_object::dtype,       &descriptor_object::order,
    &descriptor_object::format,      &descriptor_object::value,
    &descriptor_object::array_dtype, &descriptor_object::itemsize_bits,
    &descriptor_object::plan};

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

// ---- Preparation

/// What Descriptor._prepare() made of the attributes.
PyObject* set_encoding(PyObject* self, PyObject* args) {
    int how = 0;
    PyObject* dtype = nullptr;
    PyObject* bits = nullptr;
    PyObject* shape = nullptr;
    int fortran_order = 0;
    const char* number = nullptr;
    int big_endian = 0;
    PyObject* plan = nullptr;
    if (PyArg_ParseTuple(args, "iOOO!pspO", &how, &dtype, &bits, &PyTuple_Type, &shape,
                         &fortran_order, &number, &big_endian, &plan) == 0)
        return nullptr;
    const std::size_t n_bits = PyLong_AsSize_t(bits);
    if (n_bits == static_cast<std::size_t>(-1) && PyErr_Occurred() != nullptr) return nullptr;
    try {
        std::vector<Py_ssize_t> dimensions;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(shape); ++i) {
            PyObject* const size = PyTuple_GET_ITEM(shape, i);
            dimensions.push_back(size == Py_None ? -1 : PyLong_AsSsize_t(size));
            if (PyErr_Occurred() != nullptr) return nullptr;
        }
        descriptor_object* const d = as_descriptor(self);
        const bool variable = std::count(dimensions.begin(), dimensions.end(), -1) != 0;
        d->how = static_cast<encoding>(how);
        d->number = number[0];
        d->big_endian = big_endian != 0;
        d->fortran_order = fortran_order != 0;
        d->allow_immediate = n_bits % 8 == 0 && !variable;
        d->element_size = n_bits / 8;
        d->dimensions = std::move(dimensions);
        d->decoder.reset();
        Py_INCREF(dtype);
        Py_INCREF(bits);
        Py_INCREF(plan);
        PyObject* const old_dtype = std::exchange(d->array_dtype, dtype);
        PyObject* const old_bits = std::exchange(d->itemsize_bits, bits);
        PyObject* const old_plan = std::exchange(d->plan, plan);
        d->prepared = true;
        Py_XDECREF(old_dtype);
        Py_XDECREF(old_bits);
        Py_XDECREF(old_plan);
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    Py_RETURN_NONE;
}

}  // namespace

void prepare(descriptor_object* d) {
    if (d->prepared) return;
    auto* const self = reinterpret_cast<PyObject*>(d);
    steal(run_python<PyObject_CallMethodNoArgs>(self, names.prepare));
    if (!d->prepared) {
        set_error(PyExc_ValueError, "the descriptor %R is not initialised", Py_TYPE(self));
        throw py::error_already_set();
    }
}

namespace {

template <object_member Member>
PyObject* get_prepared(PyObject* self, void* closure) {
    try {
        prepare(as_descriptor(self));
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    return get_object<Member>(self, closure);
}

/// Take everything but ID, name, description and value from another descriptor. For an object that
/// was just made.
PyObject* describe_as(PyObject* self, PyObject* const* args, Py_ssize_t n_args) {
    if (n_args != 4 || PyObject_TypeCheck(args[0], descriptor_base) == 0) {
        PyErr_SetString(PyExc_TypeError,
                        "_describe_as() takes a descriptor, an ID, a name and a description");
        return nullptr;
    }
    try {
        descriptor_object& d = *as_descriptor(self);
        descriptor_object& other = *as_descriptor(args[0]);
        prepare(&other);
        // A list can be changed; its elements are tuples. Copying it may collect garbage, which may
        // run any code, so it comes first.
        auto format = py::reinterpret_borrow<py::object>(other.format);
        if (format && PyList_CheckExact(format.ptr()))
            format = steal(PyList_GetSlice(format.ptr(), 0, PyList_GET_SIZE(format.ptr())));
        std::vector<Py_ssize_t> dimensions(other.dimensions);
        const std::array<std::pair<object_member, PyObject*>, 10> taken{{
            {&descriptor_object::id, args[1]},
            {&descriptor_object::name, args[2]},
            {&descriptor_object::description, args[3]},
            {&descriptor_object::shape, other.shape},
            {&descriptor_object::dtype, other.dtype},
            {&descriptor_object::order, other.order},
            {&descriptor_object::format, format.ptr()},
            {&descriptor_object::array_dtype, other.array_dtype},
            {&descriptor_object::itemsize_bits, other.itemsize_bits},
            {&descriptor_object::plan, other.plan},
        }};
        for (const auto& [member, value] : taken) {
            Py_XINCREF(value);
            Py_XDECREF(std::exchange(d.*member, value));
        }
        d.how = other.how;
        d.number = other.number;
        d.big_endian = other.big_endian;
        d.fortran_order = other.fortran_order;
        d.allow_immediate = other.allow_immediate;
        d.element_size = other.element_size;
        d.dimensions = std::move(dimensions);
        d.decoder.reset();
        d.encoded.reset();
        d.prepared = true;
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    Py_RETURN_NONE;
}

PyObject* allow_immediate(PyObject* self, PyObject*) {
    try {
        prepare(as_descriptor(self));
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    return PyBool_FromLong(as_descriptor(self)->allow_immediate ? 1 : 0);
}

PyObject* is_variable_size(PyObject* self, PyObject*) {
    try {
        prepare(as_descriptor(self));
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    const std::vector<Py_ssize_t>& dimensions = as_descriptor(self)->dimensions;
    return PyBool_FromLong(std::count(dimensions.begin(), dimensions.end(), -1));
}

// ---- Encoding of values

/// The low bytes of a number.
void put_number(encoded_item& encoded, std::uint64_t number, std::size_t bytes, bool big_endian) {
    for (std::size_t i = 0; i < bytes; ++i)
        encoded.small[big_endian ? bytes - 1 - i : i] = static_cast<std::uint8_t>(number >> 8 * i);
    encoded.length = bytes;
}

/// The field of a single number.
format_field number_field(const descriptor_object& d) noexcept {
    return {d.number, 8 * d.element_size};
}

/// An integer as a single number. \return false to leave it to to_buffer(), for its errors too
bool encode_integer(const descriptor_object& d, PyObject* value, encoded_item& encoded) {
    int overflowed = 0;
    integer n = integer::of(std::int64_t{PyLong_AsLongLongAndOverflow(value, &overflowed)});
    if (overflowed > 0) n = integer::of(std::uint64_t{PyLong_AsUnsignedLongLong(value)});
    if (overflowed < 0 || (n.bits == ~std::uint64_t{0} && PyErr_Occurred() != nullptr)) {
        PyErr_Clear();
        return false;
    }
    constexpr std::uint64_t exact = std::uint64_t{1} << 53;  // in a double, as numpy has it first
    if (d.number == 'f' && (n.negative ? ~n.bits : n.bits) > exact) return false;
    // Where numpy has the type, its rule for Python's integers holds: nothing wraps.
    const auto raw =
        encode(n, number_field(d), d.how == encoding::integer ? overflow::wrap : overflow::refuse);
    if (!raw) return false;
    put_number(encoded, *raw, d.element_size, d.big_endian);
    return true;
}

/// A real number for a field of reals. \return false as above
bool encode_real(const descriptor_object& d, PyObject* value, encoded_item& encoded) {
    const double real = PyFloat_AS_DOUBLE(value);
    // numpy may have something to say of what becomes infinite.
    if (d.element_size == 4 && !std::isfinite(static_cast<float>(real))) return false;
    const auto raw = encode(real, number_field(d), overflow::refuse);
    if (!raw) return false;
    put_number(encoded, *raw, d.element_size, d.big_endian);
    return true;
}

bool has_shape(const descriptor_object& d, const py::detail::PyArray_Proxy& a) noexcept {
    if (static_cast<std::size_t>(a.nd) != d.dimensions.size()) return false;
    for (std::size_t i = 0; i < d.dimensions.size(); ++i)
        if (d.dimensions[i] >= 0 && d.dimensions[i] != a.dimensions[i]) return false;
    return true;
}

void hold_array(PyObject* array, encoded_item& encoded) {
    Py_INCREF(array);
    encoded.owner = {array, release_reference};
}

/// An array whose memory is the encoded value. \return false to leave it to to_buffer()
bool encode_array(const descriptor_object& d, PyObject* value, encoded_item& encoded) {
    const py::detail::PyArray_Proxy& a = *as_array(value);
    const auto* const data = reinterpret_cast<const std::uint8_t*>(a.data);
    if (d.how == encoding::integer) {
        if (a.nd != 0 || (!same_dtype(a.descr, dtype_big_u8) && !same_dtype(a.descr, dtype_big_i8)))
            return false;
        encoded.data = data + (8 - d.element_size);
        encoded.length = d.element_size;
    } else {
        const int contiguous = d.fortran_order ? array_f_contiguous : array_c_contiguous;
        if ((a.flags & contiguous) == 0 || !same_dtype(a.descr, d.array_dtype) || !has_shape(d, a))
            return false;
        std::size_t length = d.element_size;
        for (int i = 0; i < a.nd; ++i) length *= static_cast<std::size_t>(a.dimensions[i]);
        encoded.data = data;
        encoded.length = length;
    }
    hold_array(value, encoded);
    return true;
}

/// Encode without running Python code. \return false if that cannot be done
bool encode_fast(const descriptor_object& d, encoded_item& encoded) {
    PyObject* const value = d.value;
    if (value == nullptr || d.how == encoding::other) return false;
    encoded.allow_immediate = d.allow_immediate;
    if (Py_TYPE(value) == numpy_array) return encode_array(d, value, encoded);
    if (!d.dimensions.empty() || d.number == 0) return false;
    if (PyLong_Check(value)) return encode_integer(d, value, encoded);
    if (PyFloat_Check(value)) return d.number == 'f' && encode_real(d, value, encoded);
    if (PyObject_TypeCheck(value, numpy_integer) != 0) {
        // A class derived from numpy's may run code that sets another value.
        const auto owned = py::reinterpret_borrow<py::object>(value);
        const py::object number = steal(run_python<PyNumber_Index>(value));
        return encode_integer(d, number.ptr(), encoded);
    }
    return false;
}

/// Keep the memory of an object, and with it the object.
void hold_buffer(PyObject* object, encoded_item& encoded) {
    if (Py_TYPE(object) == numpy_array) {
        // Also those that numpy does not lend as buffers, such as times.
        const py::detail::PyArray_Proxy& a = *as_array(object);
        if ((a.flags & array_c_contiguous) == 0)
            throw py::value_error("the array that to_buffer() returned is not C-contiguous");
        const py::object size = steal(run_python<PyObject_GetAttrString>(object, "nbytes"));
        encoded.data = reinterpret_cast<const std::uint8_t*>(a.data);
        encoded.length = PyLong_AsSize_t(size.ptr());
        hold_array(object, encoded);
        return;
    }
    auto view = std::make_unique<Py_buffer>();
    if (run_python<PyObject_GetBuffer>(object, view.get(), PyBUF_C_CONTIGUOUS) != 0)
        throw py::error_already_set();
    encoded.data = static_cast<const std::uint8_t*>(view->buf);
    encoded.length = static_cast<std::size_t>(view->len);
    // The view can only be released under the GIL; a capsule makes it an object like others.
    PyObject* const capsule = PyCapsule_New(view.get(), nullptr, [](PyObject* self) {
        const std::unique_ptr<Py_buffer> held(
            static_cast<Py_buffer*>(PyCapsule_GetPointer(self, nullptr)));
        PyBuffer_Release(held.get());
    });
    if (capsule == nullptr) {
        PyBuffer_Release(view.get());
        throw py::error_already_set();
    }
    static_cast<void>(view.release());
    encoded.owner = {capsule, release_reference};
}

std::uint64_t to_id(PyObject* id) {
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

// ---- Encoding of descriptions

std::string ascii(PyObject* text, const char* what) {
    const auto owned = py::reinterpret_borrow<py::object>(text);
    if (text == nullptr || !PyUnicode_Check(text)) {
        set_error(PyExc_TypeError, "%s must be a str, not %R", what,
                  text == nullptr ? Py_None : text);
        throw py::error_already_set();
    }
    const py::object bytes = steal(PyUnicode_AsASCIIString(text));
    return {PyBytes_AS_STRING(bytes.ptr()),
            static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr()))};
}

/// The format of a prepared descriptor that has one.
std::vector<format_field> format_fields(const descriptor_object& d) {
    std::vector<format_field> out;
    // Checked by prepare() to be pairs of a one-letter str and a positive int. Tuples of its own,
    // since looking into others may run code that changes them.
    const auto lent = py::reinterpret_borrow<py::object>(d.format);
    const py::object fields = steal(run_python<PySequence_Tuple>(lent.ptr()));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fields.ptr()); ++i) {
        const py::object field =
            steal(run_python<PySequence_Tuple>(PyTuple_GET_ITEM(fields.ptr(), i)));
        const char* code = nullptr;
        PyObject* width = nullptr;
        if (PyArg_ParseTuple(field.ptr(), "sO", &code, &width) == 0) throw py::error_already_set();
        out.push_back({code[0], to_integer<std::uint64_t>(width, "format width")});
    }
    return out;
}

std::vector<std::uint8_t> encode_description(descriptor_object* d, const flavour& f) {
    auto* const self = reinterpret_cast<PyObject*>(d);
    descriptor out;
    out.id = to_id(d->id);
    out.name = ascii(d->name, "name");
    out.description = ascii(d->description, "description");
    for (const Py_ssize_t size : d->dimensions)
        out.shape.push_back(size < 0 ? variable_dimension : size);
    if (d->dtype != nullptr && d->dtype != Py_None) {
        const bool swap = (f.bug_compat() & bug_compat_swap_endian) != 0;
        const py::object header = steal(run_python<PyObject_CallMethodObjArgs>(
            self, names.numpy_header, swap ? Py_True : Py_False, nullptr));
        out.numpy_header = ascii(header.ptr(), "numpy header");
    } else {
        out.format = format_fields(*d);
    }
    return encode_descriptor(out, f);
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
        attribute<&descriptor_object::format>("format", "Pairs of code and bits, or None."),
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
    item_base = add_type<descriptor_object>(
        m, "spead2._spead2.ItemBase", Py_TPFLAGS_BASETYPE,
        {{Py_tp_methods, methods.data()}, {Py_tp_getset, properties.data()}},
        reinterpret_cast<PyObject*>(descriptor_base));
}

/// Remember the class Item, which is made in Python.
PyObject* set_item_class(PyObject*, PyObject* type) {
    const std::array<PyObject*, 7> attributes{
        names.id,      names.to_buffer, names.allow_immediate, names.value,
        names.version, names.prepare,   names.set_from_raw};
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

descriptor_object* to_item(PyObject* object) noexcept {
    return PyObject_TypeCheck(object, item_base) != 0 ? as_descriptor(object) : nullptr;
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
        return to_id(d->id);
    return to_id(steal(run_python<PyObject_GetAttr>(item, names.id)).ptr());
}

void encode_item(PyObject* item, encoded_item& encoded) {
    descriptor_object* const d = to_item(item);
    if (d != nullptr && is_plain(item)) {
        prepare(d);
        encoded.id = to_id(d->id);
        if (encode_fast(*d, encoded)) return;
        encoded.allow_immediate = d->allow_immediate;
        hold_buffer(steal(run_python<PyObject_CallMethodNoArgs>(item, names.to_buffer)).ptr(),
                    encoded);
        return;
    }
    encoded.id = to_id(steal(run_python<PyObject_GetAttr>(item, names.id)).ptr());
    const py::object buffer = steal(run_python<PyObject_CallMethodNoArgs>(item, names.to_buffer));
    const py::object allow =
        steal(run_python<PyObject_CallMethodNoArgs>(item, names.allow_immediate));
    const int truth = run_python<PyObject_IsTrue>(allow.ptr());
    if (truth < 0) throw py::error_already_set();
    encoded.allow_immediate = truth != 0;
    hold_buffer(buffer.ptr(), encoded);
}

void encode_item_descriptor(PyObject* object, const flavour& f, encoded_item& encoded) {
    if (PyObject_TypeCheck(object, descriptor_base) == 0) {
        set_error(PyExc_TypeError, "descriptor must be a Descriptor, not %R", object);
        throw py::error_already_set();
    }
    descriptor_object* const d = as_descriptor(object);
    prepare(d);
    if (!d->encoded || !(d->encoded_flavour == f)) {
        auto bytes = std::make_shared<const std::vector<std::uint8_t>>(encode_description(d, f));
        d->encoded = std::move(bytes);
        d->encoded_flavour = f;
    }
    using owner_type = std::shared_ptr<const std::vector<std::uint8_t>>;
    auto owner = std::make_unique<owner_type>(d->encoded);
    // What describing it ran may have changed it: then the next one is to be made anew.
    if (!d->prepared) d->encoded.reset();
    encoded.id = descriptor_id;
    encoded.data = (*owner)->data();
    encoded.length = (*owner)->size();
    encoded.allow_immediate = false;
    encoded.owner = {owner.release(), [](void* o) noexcept {
                         const std::unique_ptr<owner_type> released(static_cast<owner_type*>(o));
                     }};
}

void encoded_item::move_to_memory() {
    using small_bytes = std::array<std::uint8_t, 8>;
    small_bytes* const bytes = std::make_unique<small_bytes>(small).release();
    data = bytes->data();
    owner = {bytes, [](void* o) noexcept {
                 const std::unique_ptr<small_bytes> released(static_cast<small_bytes*>(o));
             }};
}

void add_encoded(send::heap& h, encoded_item& encoded) {
    if (encoded.owner.object != nullptr) {
        h.add_item(encoded.id, encoded.owner, encoded.data, encoded.length,
                   encoded.allow_immediate);
    } else if (encoded.allow_immediate && encoded.length <= h.get_flavour().address_bytes()) {
        std::uint64_t number = 0;
        for (std::size_t i = 0; i < encoded.length; ++i) number = number << 8 | encoded.small[i];
        h.add_immediate(encoded.id, number);
    } else {
        encoded.move_to_memory();
        h.add_item(encoded.id, encoded.owner, encoded.data, encoded.length, false);
    }
}

bool to_flavour(PyObject* object, flavour& f) noexcept {
    py::detail::make_caster<flavour> caster;
    try {
        if (caster.load(object, false)) {
            if (const auto* const value = static_cast<flavour*>(caster)) {
                f = *value;
                return true;
            }
        }
    } catch (const std::exception&) {
        // Not initialised.
    }
    set_error(PyExc_TypeError, "flavour must be a Flavour, not %R", object);
    return false;
}

void register_item(py::module_& m) {
    names = {intern("id"),       intern("to_buffer"),     intern("allow_immediate"),
             intern("_prepare"), intern("_numpy_header"), intern("value"),
             intern("version"),  intern("set_from_raw")};
    const py::module_ numpy = py::module_::import("numpy");
    numpy_array =
        reinterpret_cast<PyTypeObject*>(py::object(numpy.attr("ndarray")).release().ptr());
    numpy_integer =
        reinterpret_cast<PyTypeObject*>(py::object(numpy.attr("integer")).release().ptr());
    dtype_big_u8 = numpy.attr("dtype")(">u8").release().ptr();
    dtype_big_i8 = numpy.attr("dtype")(">i8").release().ptr();
    add_descriptor_base(m);
    add_item_base(m);
    static PyMethodDef definition{"_set_item_class", set_item_class, METH_O, nullptr};
    m.attr("_set_item_class") =
        py::reinterpret_steal<py::object>(PyCFunction_New(&definition, nullptr));
}

}  // namespace spead2::python
