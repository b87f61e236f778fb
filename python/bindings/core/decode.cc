// SPDX-License-Identifier: Apache-2.0
#include "decode.h"

#include <pybind11/numpy.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include <spead2/wire/bits.h>
#include <spead2/wire/number.h>

#include "bindings.h"
#include "support/buffer.h"
#include "support/objects.h"
#include "value_decoder.h"

namespace spead2::python {

namespace {

struct {
    PyObject* decode;
    PyObject* is_immediate;
    PyObject* native_order;  // "="
} decode_names;

using scalar_function = PyObject* (*)(void*, PyObject*, PyObject*);
scalar_function array_scalar = nullptr;  // PyArray_Scalar

constexpr int array_f_order = 2;       // NPY_ARRAY_F_CONTIGUOUS
constexpr int array_writeable = 1024;  // NPY_ARRAY_WRITEABLE

/// What of the bytes there is to decode.
struct extent {
    const std::uint8_t* data;
    std::size_t length;
    std::size_t elements;
    std::array<Py_ssize_t, max_dimensions> sizes;
};

void throw_too_few(const descriptor_object& d, std::size_t available, std::size_t needed) {
    const auto name = py::reinterpret_borrow<py::object>(d.name);  // showing it may run any code
    set_error(PyExc_ValueError, "Item %S has too few elements for shape (%zu < %zu)", name.ptr(),
              available, needed);
    throw py::error_already_set();
}

extent find_extent(const descriptor_object& d, const value_decoder& decoder,
                   const received_bytes& bytes) {
    extent found{bytes.data, bytes.length, decoder.known, {}};
    std::copy(decoder.dimensions.begin(), decoder.dimensions.end(), found.sizes.begin());
    const std::size_t available = bytes.length * 8 / decoder.bits;
    if (decoder.variable >= 0) {
        const std::size_t unknown = decoder.known != 0 ? available / decoder.known : 0;
        found.sizes[static_cast<std::size_t>(decoder.variable)] = static_cast<Py_ssize_t>(unknown);
        found.elements = unknown * decoder.known;
    } else {
        if (available < decoder.known) throw_too_few(d, available, decoder.known);
        if (bytes.immediate) {  // right-aligned
            const std::size_t used = (decoder.known * decoder.bits + 7) / 8;
            found.data += bytes.length - used;
            found.length = used;
        }
    }
    return found;
}

template <typename Number>
void swap_numbers(const std::uint8_t* from, std::uint8_t* to, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        Number number = 0;
        std::memcpy(&number, from + i * sizeof(Number), sizeof(Number));
        if constexpr (sizeof(Number) == 2)
            number = __builtin_bswap16(number);
        else if constexpr (sizeof(Number) == 4)
            number = __builtin_bswap32(number);
        else
            number = __builtin_bswap64(number);
        std::memcpy(to + i * sizeof(Number), &number, sizeof(Number));
    }
}

/// \param data  null: new memory
py::object make_array(const py::object& dtype, const value_decoder& decoder, const extent& part,
                      const std::uint8_t* data, bool writable = false) {
    auto& api = py::detail::npy_api::get();
    const int order = decoder.fortran_order ? array_f_order : 0;
    Py_INCREF(dtype.ptr());  // taken over
    return steal(api.PyArray_NewFromDescr_(
        api.PyArray_Type_, dtype.ptr(), static_cast<int>(decoder.dimensions.size()),
        part.sizes.data(), nullptr,
        const_cast<std::uint8_t*>(data),  // NOLINT(*-const-cast) see received_bytes
        order | (data != nullptr && writable ? array_writeable : 0), nullptr));
}

std::uint8_t* array_data(const py::object& array) {
    return reinterpret_cast<std::uint8_t*>(py::detail::array_proxy(array.ptr())->data);
}

py::object decode_array(const value_decoder& decoder, const extent& part,
                        const received_bytes& bytes) {
    auto& api = py::detail::npy_api::get();
    if (part.elements == 0) return make_array(decoder.native, decoder, part, nullptr);
    const std::size_t length = part.elements * decoder.element_size;
    if (!decoder.swapped) {
        if (bytes.owner == nullptr) {
            py::object array = make_array(decoder.wire, decoder, part, nullptr);
            std::memcpy(array_data(array), part.data, length);
            return array;
        }
        py::object array = make_array(decoder.wire, decoder, part, part.data, bytes.writable);
        Py_INCREF(bytes.owner);  // taken over
        if (api.PyArray_SetBaseObject_(array.ptr(), bytes.owner) != 0)
            throw py::error_already_set();
        return array;
    }
    py::object array = make_array(decoder.native, decoder, part, nullptr);
    std::uint8_t* const out = array_data(array);
    switch (decoder.swap_bytes) {
        case 2:
            swap_numbers<std::uint16_t>(part.data, out, length / 2);
            break;
        case 4:
            swap_numbers<std::uint32_t>(part.data, out, length / 4);
            break;
        case 8:
            swap_numbers<std::uint64_t>(part.data, out, length / 8);
            break;
        default: {
            const py::object view = make_array(decoder.wire, decoder, part, part.data);
            if (api.PyArray_CopyInto_(array.ptr(), view.ptr()) != 0) throw py::error_already_set();
        }
    }
    return array;
}

/// Characters as a str, without any NUL.
py::object decode_text(const extent& part) {
    const auto* const text = reinterpret_cast<const char*>(part.data);
    const std::size_t length = part.elements;
    if (length != 0 && std::memchr(text, 0, length) != nullptr) {
        std::string kept(text, length);
        std::erase(kept, '\0');
        return steal(run_python<PyUnicode_DecodeASCII>(
            kept.data(), static_cast<Py_ssize_t>(kept.size()), nullptr));
    }
    return steal(run_python<PyUnicode_DecodeASCII>(length == 0 ? "" : text,
                                                   static_cast<Py_ssize_t>(length), nullptr));
}

struct to_object {
    PyObject* operator()(std::uint64_t n) const { return PyLong_FromUnsignedLongLong(n); }
    PyObject* operator()(std::int64_t n) const { return PyLong_FromLongLong(n); }
    PyObject* operator()(double n) const { return PyFloat_FromDouble(n); }
    PyObject* operator()(bool n) const { return PyBool_FromLong(n ? 1 : 0); }
    PyObject* operator()(char n) const { return PyBytes_FromStringAndSize(&n, 1); }
};

py::object next_element(bit_reader& reader, const format_field& field) {
    return steal(decode(reader.get(static_cast<unsigned>(field.bits)), field, to_object{}));
}

py::object decode_elements(const value_decoder& decoder, const extent& part) {
    py::object array = make_array(decoder.array_dtype, decoder, part, nullptr);
    bit_reader reader(part.data, part.length);
    auto** const out = reinterpret_cast<PyObject**>(array_data(array));
    for (std::size_t i = 0; i < part.elements; ++i)
        Py_XDECREF(std::exchange(out[i], next_element(reader, decoder.field).release().ptr()));
    return array;
}

py::object decode_fast(const descriptor_object& d, const value_decoder& decoder,
                       const received_bytes& bytes) {
    const extent part = find_extent(d, decoder, bytes);
    switch (decoder.what) {
        case value_decoder::kind::scalar:
            return steal(array_scalar(const_cast<std::uint8_t*>(part.data),  // NOLINT(*-const-cast)
                                      decoder.wire.ptr(), nullptr));
        case value_decoder::kind::text:
            return decode_text(part);
        case value_decoder::kind::element: {
            bit_reader reader(part.data, part.length);
            return next_element(reader, decoder.field);
        }
        case value_decoder::kind::elements:
            return decode_elements(decoder, part);
        default:
            return decode_array(decoder, part, bytes);
    }
}

/// What Item._decode() makes of the bytes.
py::object decode_in_python(descriptor_object* d, const received_bytes& bytes,
                            PyObject* new_order) {
    auto& api = py::detail::npy_api::get();
    const auto length = static_cast<Py_ssize_t>(bytes.length);
    PyObject* const dtype = api.PyArray_DescrFromType_(py::detail::npy_api::NPY_UBYTE_);
    const bool refer = bytes.owner != nullptr;
    const py::object array = steal(api.PyArray_NewFromDescr_(
        api.PyArray_Type_, dtype, 1, &length, nullptr,
        refer ? const_cast<std::uint8_t*>(bytes.data) : nullptr,  // NOLINT(*-const-cast)
        refer && bytes.writable ? array_writeable : 0, nullptr));
    if (refer) {
        Py_INCREF(bytes.owner);  // taken over
        if (api.PyArray_SetBaseObject_(array.ptr(), bytes.owner) != 0)
            throw py::error_already_set();
    } else if (length != 0) {
        std::memcpy(array_data(array), bytes.data, bytes.length);
    }
    const py::object view = steal(run_python<PyMemoryView_FromObject>(array.ptr()));
    return steal(run_python<PyObject_CallMethodObjArgs>(
        reinterpret_cast<PyObject*>(d), decode_names.decode, view.ptr(),
        bytes.immediate ? Py_True : Py_False, new_order, nullptr));
}

bool is_native_order(PyObject* new_order) {
    return new_order == decode_names.native_order ||
           (PyUnicode_Check(new_order) && PyUnicode_CompareWithASCIIString(new_order, "=") == 0);
}

PyObject* set_from_raw(PyObject*, PyObject* args) {
    PyObject* item = nullptr;
    PyObject* raw = nullptr;
    PyObject* new_order = nullptr;
    if (PyArg_ParseTuple(args, "OOO", &item, &raw, &new_order) == 0) return nullptr;
    try {
        receive_raw(item, raw, new_order, 1);
    } catch (...) {
        set_python_error();
        return nullptr;
    }
    Py_RETURN_NONE;
}

}  // namespace

void receive_value(PyObject* item, const received_bytes& bytes, PyObject* new_order,
                   std::int64_t raise) {
    descriptor_object* const d = to_item(item);
    if (d == nullptr) {
        set_error(PyExc_TypeError, "item must be an Item, not %R", item);
        throw py::error_already_set();
    }
    // Kept: Python code may change the description meanwhile.
    const std::shared_ptr<const value_decoder> decoder = decoder_of(d);
    py::object value = decoder->what == value_decoder::kind::other ||
                               (decoder->wire && !is_native_order(new_order))
                           ? decode_in_python(d, bytes, new_order)
                           : decode_fast(*d, *decoder, bytes);
    d->version += raise;
    Py_XDECREF(std::exchange(d->value, value.release().ptr()));
}

void receive_raw(PyObject* item, PyObject* raw, PyObject* new_order, std::int64_t raise) {
    const py::object flag = steal(run_python<PyObject_GetAttr>(raw, decode_names.is_immediate));
    const bool immediate = is_true(flag.ptr());
    const py::object view = steal(run_python<PyMemoryView_FromObject>(raw));
    const Py_buffer& buffer = *PyMemoryView_GET_BUFFER(view.ptr());
    if (PyBuffer_IsContiguous(&buffer, 'C') == 0) {
        set_error(PyExc_ValueError, "the memory of %R is not contiguous", raw);
        throw py::error_already_set();
    }
    receive_value(
        item,
        {static_cast<const std::uint8_t*>(buffer.buf), static_cast<std::size_t>(buffer.len),
         immediate, view.ptr(), buffer.readonly == 0},
        new_order, raise);
}

bool may_be_empty(PyObject* item) {
    descriptor_object* const d = to_item(item);
    if (d == nullptr) return false;
    const std::shared_ptr<const value_decoder> decoder = decoder_of(d);
    return decoder->variable >= 0 || decoder->known == 0;
}

void register_decode(py::module_& m) {
    decode_names = {intern("_decode"), intern("is_immediate"), intern("=")};
    // pybind11 does not have this one of numpy's functions. Their numbers never change.
    constexpr std::size_t number_of_scalar = 60;
    const auto numpy = py::module_::import("numpy");
    const bool old = numpy.attr("__version__").cast<std::string>().starts_with("1.");
    const py::object table =
        py::module_::import(old ? "numpy.core.multiarray" : "numpy._core.multiarray")
            .attr("_ARRAY_API");
    auto** const functions = static_cast<void**>(PyCapsule_GetPointer(table.ptr(), nullptr));
    if (functions == nullptr) throw py::error_already_set();
    array_scalar = reinterpret_cast<scalar_function>(functions[number_of_scalar]);
    static PyMethodDef definition{"set_from_raw", set_from_raw, METH_VARARGS, nullptr};
    m.attr("set_from_raw") =
        py::reinterpret_steal<py::object>(PyCFunction_New(&definition, nullptr));
}

}  // namespace spead2::python
