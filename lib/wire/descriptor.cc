// SPDX-License-Identifier: Apache-2.0
#include <spead2/wire/descriptor.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "byte_order.h"

namespace spead2 {
namespace {

void check_ascii(const char* what, const std::string& text) {
    if (std::any_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; }))
        throw std::invalid_argument(std::string(what) + " '" + text + "' is not ASCII");
}

void check_width(const char* what, std::uint64_t value, std::size_t bytes) {
    if (bytes < 8 && value >> (8 * bytes) != 0)
        throw std::invalid_argument(std::string(what) + " " + std::to_string(value) +
                                    " does not fit the " + std::to_string(bytes) +
                                    " bytes that the flavour has for it");
}

void check_legal(const format_field& field) {
    if (is_legal(field)) return;
    const auto code = static_cast<unsigned char>(field.code);
    const std::string name = code >= 0x20 && code < 0x7f ? std::string("'") + field.code + "'"
                                                         : std::to_string(int{code});
    throw std::invalid_argument("format has code " + name + " with " + std::to_string(field.bits) +
                                " bits, but there are only " + legal_fields_text());
}

std::vector<std::uint8_t> encode_format(const std::vector<format_field>& format,
                                        std::size_t bits_bytes) {
    std::vector<std::uint8_t> out(format.size() * (1 + bits_bytes));
    std::uint8_t* p = out.data();
    for (const format_field& field : format) {
        check_legal(field);
        check_width("format width", field.bits, bits_bytes);
        *p++ = static_cast<std::uint8_t>(field.code);
        p = wire::put_uint(p, field.bits, bits_bytes);
    }
    return out;
}

std::vector<std::uint8_t> encode_shape(const std::vector<std::int64_t>& shape,
                                       std::size_t size_bytes, std::uint8_t variable_mark) {
    std::vector<std::uint8_t> out(shape.size() * (1 + size_bytes));
    std::uint8_t* p = out.data();
    for (std::int64_t dimension : shape) {
        const bool variable = dimension == variable_dimension;
        if (dimension < 0 && !variable)
            throw std::invalid_argument("shape has the negative dimension " +
                                        std::to_string(dimension));
        const auto size = variable ? 0 : static_cast<std::uint64_t>(dimension);
        check_width("dimension", size, size_bytes);
        *p++ = variable ? variable_mark : 0;
        p = wire::put_uint(p, size, size_bytes);
    }
    return out;
}

}  // namespace

std::string make_numpy_header(std::string_view descr, bool fortran_order,
                              std::span<const std::int64_t> shape) {
    std::string out = "{'descr': ";
    out += descr;
    out += ", 'fortran_order': ";
    out += fortran_order ? "True" : "False";
    out += ", 'shape': (";
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] < 0)
            throw std::invalid_argument("shape has the negative dimension " +
                                        std::to_string(shape[i]) +
                                        ", which a numpy header cannot describe");
        out += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    }
    out += shape.size() == 1 ? ",)}" : ")}";
    return out;
}

std::vector<std::uint8_t> encode_descriptor(const descriptor& d, const flavour& f) {
    f.check_id(d.id);
    if (d.id > f.max_address())
        throw std::invalid_argument(
            "item ID " + std::to_string(d.id) + " is above " + std::to_string(f.max_address()) +
            ", the largest that a descriptor of " + f.to_string() + " can tell");
    check_ascii("name", d.name);
    check_ascii("description", d.description);

    const bool old_widths = (f.bug_compat() & bug_compat_descriptor_widths) != 0;
    const std::uint8_t variable_mark = (f.bug_compat() & bug_compat_shape_bit_1) != 0 ? 2 : 1;
    const std::vector<std::uint8_t> format =
        encode_format(d.format, old_widths ? 3 : 8 - f.address_bytes());
    const std::vector<std::uint8_t> shape =
        encode_shape(d.shape, old_widths ? 7 : f.address_bytes(), variable_mark);

    const auto bytes = [](const auto& c) {
        return std::pair(reinterpret_cast<const std::uint8_t*>(c.data()), c.size());
    };
    struct field {
        std::uint64_t id;
        std::pair<const std::uint8_t*, std::size_t> content;
    };
    const std::array<field, 5> fields{{{descriptor_name_id, bytes(d.name)},
                                       {descriptor_description_id, bytes(d.description)},
                                       {descriptor_format_id, bytes(format)},
                                       {descriptor_shape_id, bytes(shape)},
                                       {descriptor_dtype_id, bytes(d.numpy_header)}}};
    const std::size_t n_fields = d.numpy_header.empty() ? 4 : 5;

    std::size_t payload = 0;
    for (std::size_t i = 0; i < n_fields; ++i) payload += fields[i].content.second;
    if (payload > f.max_address())
        throw std::invalid_argument("descriptor of item " + std::to_string(d.id) + " has " +
                                    std::to_string(payload) + " bytes, but " + f.to_string() +
                                    " allows only " + std::to_string(f.max_address()));

    const std::size_t n_pointers = 4 + 1 + n_fields;
    std::vector<std::uint8_t> out(header_size + n_pointers * item_pointer_size + payload);
    std::uint8_t* p = out.data();
    p = wire::put_u64(p, wire::packet_header(f.address_bytes(), n_pointers));
    p = wire::put_u64(p, f.immediate(heap_cnt_id, 1));
    p = wire::put_u64(p, f.immediate(heap_length_id, payload));
    p = wire::put_u64(p, f.immediate(payload_offset_id, 0));
    p = wire::put_u64(p, f.immediate(payload_length_id, payload));
    p = wire::put_u64(p, f.immediate(descriptor_id_id, d.id));
    std::uint64_t offset = 0;
    for (std::size_t i = 0; i < n_fields; ++i) {
        p = wire::put_u64(p, f.address(fields[i].id, offset));
        offset += fields[i].content.second;
    }
    for (std::size_t i = 0; i < n_fields; ++i)
        p = std::copy_n(fields[i].content.first, fields[i].content.second, p);
    return out;
}

}  // namespace spead2
