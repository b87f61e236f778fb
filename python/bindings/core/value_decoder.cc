// SPDX-License-Identifier: Apache-2.0
#include "value_decoder.h"

#include <cstring>
#include <limits>
#include <string>

namespace spead2::python {
namespace {

void set_sizes(const std::vector<Py_ssize_t>& dimensions, value_decoder& decoder) {
    bool empty = false;
    for (std::size_t i = 0; i < dimensions.size(); ++i) {
        const Py_ssize_t size = dimensions[i];
        if (size < 0)
            decoder.variable = static_cast<std::ptrdiff_t>(i);
        else if (size == 0)
            empty = true;
        else if (__builtin_mul_overflow(decoder.known, static_cast<std::size_t>(size),
                                        &decoder.known))
            decoder.known = std::numeric_limits<std::size_t>::max();
    }
    if (empty) decoder.known = 0;
}

/// Bytes of the numbers in elements of a dtype that are to be swapped; 0 if that is not all.
std::size_t swap_bytes_of(char kind, std::size_t element_bytes) {
    const std::size_t bytes = kind == 'c' ? element_bytes / 2 : element_bytes;
    const bool plain = std::strchr("iufcMm", kind) != nullptr;
    return plain && (bytes == 2 || bytes == 4 || bytes == 8) ? bytes : 0;
}

void prepare_numpy(bool is_character, value_decoder& decoder) {
    const py::object& dtype = decoder.array_dtype;
    if (!dtype.attr("subdtype").is_none()) return;
    const auto kind = dtype.attr("kind").cast<std::string>();
    decoder.wire = dtype;
    decoder.native = dtype.attr("newbyteorder")("=");
    decoder.swapped = !decoder.native.equal(dtype);
    decoder.swap_bytes = swap_bytes_of(kind[0], decoder.element_size);
    if (!decoder.dimensions.empty()) {
        const bool text = is_character && decoder.dimensions.size() == 1;
        decoder.what = text ? value_decoder::kind::text : value_decoder::kind::array;
    } else if (std::strchr("biufcSMm", kind[0]) != nullptr) {
        decoder.what = value_decoder::kind::scalar;
    }
}

/// The fields in the plan that Descriptor._prepare() made: a list of pairs that is only read.
std::vector<format_field> planned_fields(const py::object& plan) {
    std::vector<format_field> fields;
    const py::tuple parts(plan);
    for (const py::handle part : py::tuple(parts[1])) {
        const auto field = py::reinterpret_borrow<py::tuple>(part);
        fields.push_back({field[0].cast<std::string>()[0], field[1].cast<std::uint64_t>()});
    }
    return fields;
}

std::shared_ptr<const value_decoder> make_decoder(const descriptor_object& d) {
    const auto made = std::make_shared<value_decoder>();
    value_decoder& decoder = *made;
    decoder.how = d.how;
    decoder.fortran_order = d.fortran_order;
    decoder.element_size = d.element_size;
    decoder.dimensions = d.dimensions;
    decoder.array_dtype = py::reinterpret_borrow<py::object>(d.array_dtype);
    decoder.plan = py::reinterpret_borrow<py::object>(d.plan);
    decoder.bits = py::handle(d.itemsize_bits).cast<std::uint64_t>();
    set_sizes(decoder.dimensions, decoder);
    // From here on code may run that describes the item anew.
    if (decoder.dimensions.size() > max_dimensions) return made;
    const std::vector<format_field> fields = planned_fields(decoder.plan);
    if (fields.size() == 1) decoder.field = fields[0];
    if (decoder.how == encoding::array) {
        prepare_numpy(fields.size() == 1 && fields[0].code == 'c', decoder);
    } else if (fields.size() == 1 && fields[0].bits <= 64) {
        decoder.what = decoder.dimensions.empty() ? value_decoder::kind::element
                                                  : value_decoder::kind::elements;
    }
    return made;
}

}  // namespace

std::shared_ptr<const value_decoder> decoder_of(descriptor_object* d) {
    prepare(d);
    if (d->decoder) return d->decoder;
    std::shared_ptr<const value_decoder> made = make_decoder(*d);
    if (d->prepared && made->plan.is(py::handle(d->plan))) d->decoder = made;
    return made;
}

}  // namespace spead2::python
