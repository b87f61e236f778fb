// SPDX-License-Identifier: Apache-2.0
// See encode.h.
#include "encode.h"

#include <pybind11/numpy.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <spead2/wire/number.h>

#include "bindings.h"
#include "support/arguments.h"
#include "support/objects.h"

namespace spead2::python {
namespace {

PyTypeObject* numpy_array = nullptr;
PyTypeObject* numpy_integer = nullptr;
PyObject* dtype_big_u8 = nullptr;
PyObject* dtype_big_i8 = nullptr;

struct {
    PyObject* id;
    PyObject* to_buffer;
    PyObject* allow_immediate;
    PyObject* numpy_header;
} encode_names;

// Flags of numpy arrays; part of its binary interface.
constexpr int array_c_contiguous = 1;
constexpr int array_f_contiguous = 2;

bool same_dtype(PyObject* a, PyObject* b) {
    return a == b || py::detail::npy_api::get().PyArray_EquivTypes_(a, b);
}

const py::detail::PyArray_Proxy* as_array(PyObject* object) {
    return py::detail::array_proxy(object);
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
    const auto lent =
        py::reinterpret_borrow<py::object>(d.format != nullptr ? d.format : d.shared_format);
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
    out.id = to_item_id(d->id);
    out.name = ascii(d->name, "name");
    out.description = ascii(d->description, "description");
    for (const Py_ssize_t size : d->dimensions)
        out.shape.push_back(size < 0 ? variable_dimension : size);
    if (d->dtype != nullptr && d->dtype != Py_None) {
        const bool swap = (f.bug_compat() & bug_compat_swap_endian) != 0;
        const py::object header = steal(run_python<PyObject_CallMethodObjArgs>(
            self, encode_names.numpy_header, swap ? Py_True : Py_False, nullptr));
        out.numpy_header = ascii(header.ptr(), "numpy header");
    } else {
        out.format = format_fields(*d);
    }
    return encode_descriptor(out, f);
}

}  // namespace

void encode_item(PyObject* item, encoded_item& encoded) {
    descriptor_object* const d = to_item(item);
    if (d != nullptr && is_plain(item)) {
        prepare(d);
        encoded.id = to_item_id(d->id);
        if (encode_fast(*d, encoded)) return;
        encoded.allow_immediate = d->allow_immediate;
        hold_buffer(
            steal(run_python<PyObject_CallMethodNoArgs>(item, encode_names.to_buffer)).ptr(),
            encoded);
        return;
    }
    encoded.id = to_item_id(steal(run_python<PyObject_GetAttr>(item, encode_names.id)).ptr());
    const py::object buffer =
        steal(run_python<PyObject_CallMethodNoArgs>(item, encode_names.to_buffer));
    const py::object allow =
        steal(run_python<PyObject_CallMethodNoArgs>(item, encode_names.allow_immediate));
    encoded.allow_immediate = is_true(allow.ptr());
    hold_buffer(buffer.ptr(), encoded);
}

void encode_item_descriptor(PyObject* object, const flavour& f, encoded_item& encoded) {
    descriptor_object* const d = to_descriptor(object);
    if (d == nullptr) {
        set_error(PyExc_TypeError, "descriptor must be a Descriptor, not %R", object);
        throw py::error_already_set();
    }
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
        h.add_copy(encoded.id, encoded.small.data(), encoded.length);
    }
}

void register_encode() {
    encode_names = {intern("id"), intern("to_buffer"), intern("allow_immediate"),
                    intern("_numpy_header")};
    const py::module_ numpy = py::module_::import("numpy");
    numpy_array =
        reinterpret_cast<PyTypeObject*>(py::object(numpy.attr("ndarray")).release().ptr());
    numpy_integer =
        reinterpret_cast<PyTypeObject*>(py::object(numpy.attr("integer")).release().ptr());
    dtype_big_u8 = numpy.attr("dtype")(">u8").release().ptr();
    dtype_big_i8 = numpy.attr("dtype")(">i8").release().ptr();
}

}  // namespace spead2::python
