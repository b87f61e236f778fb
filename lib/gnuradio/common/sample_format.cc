// SPDX-License-Identifier: GPL-3.0-or-later
#include "sample_format.h"

#include <volk/volk.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string_view>

namespace gr::spead2 {
namespace {

constexpr bool little_endian = std::endian::native == std::endian::little;

struct element {
    std::string_view name;
    char kind;
    std::size_t bytes;
    bool pair;
};

constexpr std::array<element, 19> elements{{
    {"complex64", 'c', 8, false}, {"complex128", 'c', 16, false}, {"float32", 'f', 4, false},
    {"float64", 'f', 8, false},   {"int8", 'i', 1, false},        {"int16", 'i', 2, false},
    {"int32", 'i', 4, false},     {"int64", 'i', 8, false},       {"uint8", 'u', 1, false},
    {"uint16", 'u', 2, false},    {"uint32", 'u', 4, false},      {"uint64", 'u', 8, false},
    {"complex", 'c', 8, false},   {"float", 'f', 4, false},       {"int", 'i', 4, false},
    {"short", 'i', 2, false},     {"byte", 'u', 1, false},        {"sc8", 'i', 1, true},
    {"sc16", 'i', 2, true},
}};

/// A type by its name or, as in numpy, by byte order, kind and size.
const element& find_element(const item& i) {
    std::string_view code = i.dtype;
    for (const element& e : elements)
        if (e.name == code) return e;
    char order = '=';
    if (!code.empty() && std::string_view("<>=|").find(code[0]) != std::string_view::npos) {
        order = code[0];
        code.remove_prefix(1);
    }
    for (const element& e : elements)
        if (!e.pair && code == e.kind + std::to_string(e.bytes)) {
            if (e.bytes > 1 && order == (little_endian ? '>' : '<'))
                throw std::invalid_argument(
                    "item '" + i.name + "': dtype '" + i.dtype +
                    "' has the other byte order; GNU Radio's samples are in the machine's own");
            return e;
        }
    throw std::invalid_argument(
        "item '" + i.name + "': dtype '" + i.dtype +
        "' is no type of samples; use complex64, complex128, float32, float64, int8 to int64, "
        "uint8 to uint64, sc8 or sc16");
}

}  // namespace

sample_format::sample_format(const item& i) {
    const element& e = find_element(i);
    kind_ = e.kind;
    element_bytes_ = e.bytes;
    swap_bytes_ = !little_endian ? 1 : (e.kind == 'c' ? e.bytes / 2 : e.bytes);
    shape_ = i.shape;
    if (e.pair) shape_.push_back(2);
    item_bytes_ = e.bytes;
    for (const std::int64_t dimension : shape_) {
        if (dimension < 1)
            throw std::invalid_argument("item '" + i.name + "': shape has the dimension " +
                                        std::to_string(dimension) + ", but needs at least 1");
        if (static_cast<std::uint64_t>(dimension) > (std::size_t{1} << 30) / item_bytes_)
            throw std::invalid_argument("item '" + i.name +
                                        "': one item of GNU Radio would be more than 1 GiB");
        item_bytes_ *= static_cast<std::size_t>(dimension);
    }
}

engine::descriptor sample_format::fixed(const item& i, std::uint64_t length) const {
    std::vector<std::int64_t> shape{static_cast<std::int64_t>(length)};
    shape.insert(shape.end(), shape_.begin(), shape_.end());
    return described(i, shape);
}

engine::descriptor sample_format::described(const item& i,
                                            const std::vector<std::int64_t>& shape) const {
    const char order = element_bytes_ == 1 ? '|' : (little_endian ? '<' : '>');
    const std::string descr =
        std::string("'") + order + kind_ + std::to_string(element_bytes_) + "'";
    engine::descriptor d{i.id, i.name, i.description, shape, {}, {}};
    d.numpy_header = engine::make_numpy_header(descr, false, shape);
    return d;
}

engine::descriptor sample_format::variable(const item& i) const {
    std::vector<std::int64_t> shape{engine::variable_dimension};
    shape.insert(shape.end(), shape_.begin(), shape_.end());
    engine::format_field field{kind_, element_bytes_ * 8};
    if (kind_ == 'c') {
        shape.push_back(2);
        field = {'f', element_bytes_ * 4};
    }
    return {i.id, i.name, i.description, shape, {field}, {}};
}

std::string sample_format::shape_text() const {
    if (shape_.empty()) return {};
    std::string text = " of shape (";
    for (std::size_t i = 0; i < shape_.size(); ++i)
        text += (i == 0 ? "" : ", ") + std::to_string(shape_[i]);
    return text + (shape_.size() == 1 ? ",)" : ")");
}

void copy_samples(std::uint8_t* out, const std::uint8_t* in, std::size_t bytes,
                  std::size_t unit) noexcept {
    if (unit <= 1) {
        std::memcpy(out, in, bytes);
        return;
    }
    // VOLK swaps in place, so a piece is swapped while it is still in the cache. Pieces also keep
    // within VOLK's 32-bit counts.
    constexpr std::size_t piece = 16384;
    while (bytes != 0) {
        const std::size_t n = std::min(bytes, piece);
        std::memcpy(out, in, n);
        switch (unit) {
            case 2:
                volk_16u_byteswap(reinterpret_cast<std::uint16_t*>(out),
                                  static_cast<unsigned>(n / 2));
                break;
            case 4:
                volk_32u_byteswap(reinterpret_cast<std::uint32_t*>(out),
                                  static_cast<unsigned>(n / 4));
                break;
            case 8:
                volk_64u_byteswap(reinterpret_cast<std::uint64_t*>(out),
                                  static_cast<unsigned>(n / 8));
                break;
            default:
                break;
        }
        out += n;
        in += n;
        bytes -= n;
    }
}

std::size_t item_size(const item& i) { return sample_format(i).item_bytes(); }

}  // namespace gr::spead2
