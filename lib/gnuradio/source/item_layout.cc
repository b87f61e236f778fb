// SPDX-License-Identifier: GPL-3.0-or-later
#include "item_layout.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <utility>

#include "numpy_header.h"
#include "uniform_vector.h"

namespace gr::spead2 {
namespace {

constexpr bool little_machine = std::endian::native == std::endian::little;
constexpr std::size_t longest_text = 4096;

/// Bits of the protocol from the start of \a bytes, of which there are enough.
std::uint64_t first_bits(const std::uint8_t* bytes, std::uint64_t bits) {
    std::uint64_t value = 0;
    for (std::uint64_t i = 0; i < bits; i += 8) {
        const std::uint64_t n = std::min<std::uint64_t>(8, bits - i);
        value = (value << n) | (bytes[i / 8] >> (8 - n));
    }
    return value;
}

/// \a bytes bytes in the order of this machine, or the other one.
std::uint64_t whole_number(const std::uint8_t* data, std::size_t bytes, bool swap) {
    const bool little = little_machine != swap;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = (value << 8) | data[little ? bytes - 1 - i : i];
    return value;
}

}  // namespace

item_layout::item_layout(const engine::descriptor& d, unsigned bug_compat)
    : id_(d.id), name_(d.name), shape_(d.shape) {
    if (!d.numpy_header.empty())
        read_numpy(d.numpy_header);
    else
        read_format(d.format, (bug_compat & engine::bug_compat_swap_endian) != 0);
}

item_layout::item_layout(const item& i, const sample_format& format, bool network_order)
    : id_(i.id),
      name_(i.name),
      kind_(format.kind()),
      bits_(8 * format.element_bytes()),
      swap_(network_order && little_machine),
      format_(false),
      shape_(format.shape()) {
    shape_.insert(shape_.begin(), engine::variable_dimension);
}

item_layout::item_layout(const scalar_item& s, const engine::descriptor& d)
    : id_(s.id), name_(s.name), shape_(d.shape) {
    read_format(d.format, false);
}

void item_layout::read_numpy(const std::string& text) {
    const std::optional<numpy_header> header = parse_numpy_header(text);
    if (!header || header->descr.size() < 3) return;
    shape_ = header->shape;
    format_ = false;
    if (header->fortran_order && shape_.size() > 1) return;
    const std::string& descr = header->descr;
    std::uint64_t size = 0;
    const char* const end = descr.data() + descr.size();
    const auto [p, error] = std::from_chars(descr.data() + 2, end, size);
    if (error != std::errc() || p != end || size == 0 || size > longest_text) return;
    const bool number = std::string_view("uifc").find(descr[1]) != std::string_view::npos;
    if (number && (size > 16 || (size & (size - 1)) != 0)) return;
    if (!number && !(descr[1] == 'b' && size == 1) && descr[1] != 'S') return;
    kind_ = descr[1];
    bits_ = 8 * size;
    swap_ = size > 1 && kind_ != 'S' && descr[0] == (little_machine ? '>' : '<');
}

void item_layout::read_format(const std::vector<engine::format_field>& format, bool little_endian) {
    if (format.empty() || !engine::is_legal(format[0])) return;
    if (format.size() == 2 && format[0] == format[1])
        shape_.push_back(2);
    else if (format.size() != 1)
        return;
    kind_ = format[0].code == 'c' ? 'S' : format[0].code;
    bits_ = format[0].bits;
    swap_ = bits_ > 8 && little_endian != little_machine;
}

std::string item_layout::to_string() const {
    static constexpr std::pair<char, const char*> names[] = {{'u', "uint"},  {'i', "int"},
                                                             {'f', "float"}, {'c', "complex"},
                                                             {'b', "bool"},  {'S', "text"}};
    std::string text = "a structure";
    for (const auto& [kind, name] : names)
        if (kind == kind_) text = name + std::to_string(bits_);
    if (shape_.empty()) return text;
    text += " of shape (";
    for (std::size_t i = 0; i < shape_.size(); ++i)
        text += (i == 0 ? "" : ", ") + (shape_[i] < 0 ? "any" : std::to_string(shape_[i]));
    return text + (shape_.size() == 1 ? ",)" : ")");
}

std::size_t item_layout::leading(const sample_format& format) const {
    const bool parts = format.kind() == 'c' && kind_ == 'f';
    return shape_.size() - format.shape().size() - (parts ? 1 : 0);
}

bool item_layout::fits(const sample_format& format) const {
    std::vector<std::int64_t> tail = format.shape();
    if (format.kind() == 'c' && kind_ == 'f') {  // complex numbers as real and imaginary parts
        if (bits_ != 4 * format.element_bytes()) return false;
        tail.push_back(2);
    } else if (kind_ != format.kind() || bits_ != 8 * format.element_bytes()) {
        return false;
    }
    return shape_.size() >= tail.size() &&
           std::equal(tail.rbegin(), tail.rend(), shape_.rbegin()) &&
           std::count(shape_.begin(), shape_.end(), engine::variable_dimension) <= 1;
}

std::optional<std::uint64_t> item_layout::samples(const sample_format& format,
                                                  std::size_t bytes) const {
    const std::uint64_t there = bytes / format.item_bytes();
    std::uint64_t n = 1;
    bool variable = false;
    for (std::size_t i = 0; i < leading(format); ++i) {
        if (shape_[i] == engine::variable_dimension) {
            variable = true;
        } else {
            const auto size = static_cast<std::uint64_t>(shape_[i]);
            if (size != 0 && n > there / size) return std::nullopt;
            n *= size;
        }
    }
    if (n > there) return std::nullopt;  // a single sample, of which there is only a part
    if (!variable || n == 0) return n;
    return there / n * n;
}

std::optional<scalar_value> item_layout::scalar(const engine::recv::raw_item& raw) const {
    const std::uint8_t* data = raw.data;
    std::size_t length = raw.length;
    if (kind_ == 'S') {
        if (shape_.size() > 1 || length > longest_text) return std::nullopt;
        if (raw.is_immediate && !shape_.empty() && shape_[0] >= 0) {
            const auto n = std::min<std::size_t>(static_cast<std::size_t>(shape_[0]), length);
            data += length - n;
            length = n;
        }
        const auto* const text = reinterpret_cast<const char*>(data);
        return std::string(text, std::find(text, text + length, '\0'));
    }
    for (const std::int64_t n : shape_)
        if (n != 1) return std::nullopt;
    if (kind_ == '?' || kind_ == 'c' || bits_ > 64) return std::nullopt;
    const std::size_t size = static_cast<std::size_t>(bits_ + 7) / 8;
    std::uint64_t bits = 0;
    if (raw.is_immediate && (format_ || swap_ == little_machine)) {
        bits = raw.immediate_value & engine::low_bits_mask(bits_);
    } else if (length < size) {
        return std::nullopt;
    } else if (format_ && bits_ % 8 != 0) {
        bits = first_bits(data, bits_);
    } else {
        bits = whole_number(data, size, size > 1 && swap_);
    }
    return engine::decode(bits, {kind_, bits_}, [](auto v) -> scalar_value {
        using type = decltype(v);
        if constexpr (std::is_same_v<type, std::uint64_t> || std::is_same_v<type, double>)
            return v;
        else
            return static_cast<std::int64_t>(v);
    });
}

pmt::pmt_t item_layout::value(const engine::recv::raw_item& raw) const {
    if (const std::optional<scalar_value> v = scalar(raw)) return to_pmt(*v);
    if (raw.is_immediate || bits_ % 8 != 0 || bytes() == 0) return {};
    const std::size_t unit = !swap_ ? 1 : kind_ == 'c' ? bytes() / 2 : bytes();
    return make_uniform_vector(kind_ == 'b' ? 'u' : kind_, bytes(), raw.data, raw.length, unit);
}

pmt::pmt_t to_pmt(const scalar_value& v) {
    if (const auto* u = std::get_if<std::uint64_t>(&v)) return pmt::from_uint64(*u);
    if (const auto* i = std::get_if<std::int64_t>(&v)) return pmt::from_long(*i);
    if (const auto* d = std::get_if<double>(&v)) return pmt::from_double(*d);
    return pmt::string_to_symbol(std::get<std::string>(v));
}

}  // namespace gr::spead2
