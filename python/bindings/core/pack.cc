// SPDX-License-Identifier: Apache-2.0
// Packing of elements bit by bit, for formats that are no whole number of bytes, and what Python is
// told of number types.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include <spead2/wire/bits.h>
#include <spead2/wire/number.h>

#include "bindings.h"
#include "support/buffer.h"
#include "support/objects.h"

namespace spead2::python {
namespace {

/// A bytearray of so many bits, rounded up to bytes.
py::object new_bytes(std::size_t n_elements, std::uint64_t bits) {
    __extension__ using wide = unsigned __int128;
    const wide bytes = (static_cast<wide>(n_elements) * bits + 7) / 8;
    if (bytes > static_cast<wide>(std::numeric_limits<Py_ssize_t>::max())) {
        PyErr_NoMemory();
        throw py::error_already_set();
    }
    return steal(PyByteArray_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(bytes)));
}

std::uint8_t* bytes_of(const py::object& bytearray) {
    return reinterpret_cast<std::uint8_t*>(PyByteArray_AS_STRING(bytearray.ptr()));
}

[[noreturn]] void refuse(const std::string& number, const format_field& field) {
    throw py::value_error(out_of_range_text(number, field));
}

format_field checked_field(const std::string& code, std::uint64_t bits) {
    if (code.size() != 1 || !is_legal({code[0], bits}))
        throw py::value_error("illegal format (" + code + ", " + std::to_string(bits) +
                              "): must be " + legal_fields_text());
    return {code[0], bits};
}

/// Integers of 64 bits that lie in memory.
py::object pack_bits(const py::object& array, bool is_signed, const std::string& code,
                     std::uint64_t bits) {
    const format_field field = checked_field(code, bits);
    const buffer_view view(array.ptr());
    if (view.size() % 8 != 0 || bits > 64)
        throw py::value_error("pack_bits() needs 64-bit integers and 1 to 64 bits");
    const std::size_t n = view.size() / 8;
    py::object packed = new_bytes(n, bits);
    bit_writer writer(bytes_of(packed));
    for (std::size_t i = 0; i < n; ++i) {
        std::uint64_t number = 0;
        std::memcpy(&number, view.data() + 8 * i, 8);
        const integer value{number, is_signed && number >> 63 != 0};
        const auto raw = encode(value, field, overflow::refuse);
        if (!raw) refuse(to_text(value), field);
        writer.put(*raw, static_cast<unsigned>(bits));
    }
    writer.finish();
    return packed;
}

/// The decimal digits of an int, in short if there are very many.
std::string digits(const py::object& number) {
    const py::object text = py::reinterpret_steal<py::object>(PyObject_Str(number.ptr()));
    if (text) return to_utf8(text.ptr());
    PyErr_Clear();  // more than the interpreter converts
    const auto bits = number.attr("bit_length")().cast<std::size_t>();
    return "a number of " + std::to_string(bits) + " bits";
}

/// An integer of more than 64 bits.
void put_wide(const py::object& number, const format_field& field, bit_writer& writer) {
    const bool is_signed = field.code == 'i';
    const std::size_t bytes = (field.bits + 7) / 8;
    const bool negative =
        run_python<PyObject_RichCompareBool>(number.ptr(), py::int_(0).ptr(), Py_LT) == 1;
    // Without its sign bit, which is the same as all above it.
    const py::object magnitude = negative ? py::object(~number) : number;
    const auto used = magnitude.attr("bit_length")().cast<std::uint64_t>();
    if ((negative && !is_signed) || used > field.bits - (is_signed ? 1 : 0))
        refuse(digits(number), field);
    const py::object big_endian =
        number.attr("to_bytes")(bytes, "big", py::arg("signed") = negative);
    writer.put_bytes(reinterpret_cast<const std::uint8_t*>(PyBytes_AS_STRING(big_endian.ptr())),
                     field.bits);
}

void put_integer(const py::object& object, const format_field& field, bit_writer& writer) {
    const py::object number = steal(run_python<PyNumber_Long>(object.ptr()));
    if (field.bits > 64) {
        put_wide(number, field, writer);
        return;
    }
    int overflowed = 0;
    integer n = integer::of(std::int64_t{PyLong_AsLongLongAndOverflow(number.ptr(), &overflowed)});
    if (overflowed > 0) {
        n = integer::of(std::uint64_t{PyLong_AsUnsignedLongLong(number.ptr())});
        if (PyErr_Occurred() != nullptr) {
            PyErr_Clear();
            refuse(digits(number), field);
        }
    }
    const auto raw = overflowed < 0 ? std::nullopt : encode(n, field, overflow::refuse);
    if (!raw) refuse(digits(number), field);
    writer.put(*raw, static_cast<unsigned>(field.bits));
}

/// Zeros, and then one bit.
void put_truth(bool truth, std::uint64_t bits, bit_writer& writer) {
    for (; bits > 64; bits -= std::min<std::uint64_t>(64, bits - 64))
        writer.put(0, static_cast<unsigned>(std::min<std::uint64_t>(64, bits - 64)));
    writer.put(truth ? 1 : 0, static_cast<unsigned>(bits));
}

void put(const py::object& object, const format_field& field, bit_writer& writer) {
    switch (field.code) {
        case 'u':
        case 'i':
            put_integer(object, field, writer);
            break;
        case 'b':
            put_truth(is_true(object.ptr()), field.bits, writer);
            break;
        case 'f':
            writer.put(*encode(to_double(object.ptr(), "value"), field, overflow::refuse),
                       static_cast<unsigned>(field.bits));
            break;
        default: {
            // numpy's, which leaves out a zero.
            if (!PyBytes_Check(object.ptr()) || PyBytes_GET_SIZE(object.ptr()) > 1)
                throw py::type_error("a character must be bytes of length 1, not " +
                                     repr(object.ptr()));
            const bool any = PyBytes_GET_SIZE(object.ptr()) == 1;
            writer.put(any ? static_cast<std::uint8_t>(PyBytes_AS_STRING(object.ptr())[0]) : 0, 8);
        }
    }
}

/// Elements of any fields; of several, each element is a sequence of as many values.
py::object pack_fields(const py::list& elements,
                       const std::vector<std::pair<std::string, std::uint64_t>>& format) {
    std::vector<format_field> fields;
    std::uint64_t bits = 0;
    for (const auto& [code, width] : format) {
        fields.push_back(checked_field(code, width));
        bits += width;
    }
    // A tuple, since converting elements may run code that changes the list.
    const py::tuple all(elements);
    py::object packed = new_bytes(all.size(), bits);
    bit_writer writer(bytes_of(packed));
    for (const py::handle element : all) {
        if (fields.size() == 1) {
            put(py::reinterpret_borrow<py::object>(element), fields.front(), writer);
            continue;
        }
        const py::object values = steal(run_python<PySequence_Tuple>(element.ptr()));
        if (static_cast<std::size_t>(PyTuple_GET_SIZE(values.ptr())) != fields.size())
            throw py::value_error("an element must have " + std::to_string(fields.size()) +
                                  " values, not " + repr(values.ptr()));
        for (std::size_t i = 0; i < fields.size(); ++i)
            put(py::reinterpret_borrow<py::object>(
                    PyTuple_GET_ITEM(values.ptr(), static_cast<Py_ssize_t>(i))),
                fields[i], writer);
    }
    writer.finish();
    return packed;
}

}  // namespace

void register_pack(py::module_& m) {
    m.def("pack_bits", &pack_bits, py::arg("array"), py::arg("signed"), py::arg("code"),
          py::arg("bits"), "Pack 64-bit integers bit by bit, most significant first.");
    m.def("pack_fields", &pack_fields, py::arg("elements"), py::arg("fields"),
          "Pack elements of any format bit by bit, most significant first.");
    m.def(
        "out_of_range_text",
        [](const py::int_& number, const std::string& code, std::uint64_t bits, bool wraps) {
            return out_of_range_text(digits(number), checked_field(code, bits),
                                     wraps ? overflow::wrap : overflow::refuse);
        },
        py::arg("number"), py::arg("code"), py::arg("bits"), py::arg("wraps") = false,
        "Why a number was refused.");
    m.def(
        "is_legal_field",
        [](const std::string& code, const py::int_& bits) {
            const std::uint64_t width = PyLong_AsUnsignedLongLong(bits.ptr());
            if (PyErr_Occurred() != nullptr) {
                PyErr_Clear();
                return false;
            }
            return code.size() == 1 && is_legal({code[0], width});
        },
        py::arg("code"), py::arg("bits"), "Whether a format field can be sent.");
    m.attr("LEGAL_FIELDS") = legal_fields_text();
    m.attr("MAX_FIELD_BITS") = max_field_bits;
}

}  // namespace spead2::python
