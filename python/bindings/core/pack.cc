// SPDX-License-Identifier: Apache-2.0
// Packing of integers bit by bit, for formats that are no whole number of bytes.
#include <cstdint>
#include <cstring>
#include <string>

#include "bindings.h"
#include "support/buffer.h"

namespace spead2::python {
namespace {

__extension__ using wide = unsigned __int128;

/// Value of the code u, i or b as its bits. \throw py::value_error if it does not fit
std::uint64_t to_field(std::uint64_t number, bool negative, char code, unsigned bits) {
    if (code == 'b') return number != 0 ? 1 : 0;
    const unsigned magnitude_bits = code == 'i' ? bits - 1 : bits;
    const std::uint64_t magnitude = negative ? ~number : number;
    if ((negative && code == 'u') || (magnitude_bits < 64 && magnitude >> magnitude_bits != 0)) {
        const std::string text =
            negative ? std::to_string(static_cast<std::int64_t>(number)) : std::to_string(number);
        throw py::value_error(text + " is out of range for " + code + std::to_string(bits));
    }
    return bits < 64 ? number & ((std::uint64_t{1} << bits) - 1) : number;
}

py::object pack_bits(const py::object& array, bool is_signed, const std::string& code,
                     unsigned bits) {
    const buffer_view view(array.ptr());
    if (view.size() % 8 != 0 || bits == 0 || bits > 64 || code.size() != 1)
        throw py::value_error("pack_bits() needs 64-bit integers and 1 to 64 bits");
    const std::size_t n = view.size() / 8;
    const wide total = static_cast<wide>(n) * bits;
    auto packed = py::reinterpret_steal<py::object>(
        PyByteArray_FromStringAndSize(nullptr, static_cast<Py_ssize_t>((total + 7) / 8)));
    if (!packed) throw py::error_already_set();
    auto* out = reinterpret_cast<std::uint8_t*>(PyByteArray_AS_STRING(packed.ptr()));
    wide pending = 0;
    unsigned n_pending = 0;  // bits of `pending` that are not written yet, less than 8
    for (std::size_t i = 0; i < n; ++i) {
        std::uint64_t number = 0;
        std::memcpy(&number, view.data() + 8 * i, 8);
        const bool negative = is_signed && number >> 63 != 0;
        pending = pending << bits | to_field(number, negative, code[0], bits);
        for (n_pending += bits; n_pending >= 8; n_pending -= 8)
            *out++ = static_cast<std::uint8_t>(pending >> (n_pending - 8));
    }
    if (n_pending != 0) *out = static_cast<std::uint8_t>(pending << (8 - n_pending));
    return packed;
}

}  // namespace

void register_pack(py::module_& m) {
    m.def("pack_bits", &pack_bits, py::arg("array"), py::arg("signed"), py::arg("code"),
          py::arg("bits"), "Pack 64-bit integers bit by bit, most significant first.");
}

}  // namespace spead2::python
