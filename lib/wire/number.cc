// SPDX-License-Identifier: Apache-2.0
// The texts about number types.
#include <spead2/wire/number.h>

namespace spead2 {
namespace {

/// 2**bits - 1, in digits where there are not too many.
std::string largest(std::uint64_t bits) {
    if (bits <= 64) return std::to_string(low_bits_mask(bits));
    return "2**" + std::to_string(bits) + " - 1";
}

std::string smallest_signed(std::uint64_t bits) {
    if (bits <= 64) return std::to_string(sign_extended(std::uint64_t{1} << (bits - 1), bits));
    return "-2**" + std::to_string(bits - 1);
}

}  // namespace

std::string legal_fields_text() {
    std::string text;
    for (const number_type& type : number_types) {
        if (!text.empty()) text += ", ";
        text += std::string(1, type.code) + " with " + std::to_string(type.min_bits);
        if (type.min_bits == type.max_bits) continue;
        text += (type.min_bits + type.step == type.max_bits ? " or " : " to ") +
                std::to_string(type.max_bits) + " bits";
    }
    return text;
}

std::string to_text(const integer& n) {
    return n.negative ? std::to_string(static_cast<std::int64_t>(n.bits)) : std::to_string(n.bits);
}

std::string out_of_range_text(std::string_view number, const format_field& field, overflow rule) {
    const bool is_signed = field.code == 'i';
    std::string text(number);
    text += " is out of range for ";
    text += field.code + std::to_string(field.bits);
    text += ": must be from " + (is_signed ? smallest_signed(field.bits) : "0") + " to " +
            largest(is_signed ? field.bits - 1 : field.bits);
    if (rule == overflow::wrap && !is_signed && field.bits < 64)
        text += "; of larger ones, up to " + largest(64) + ", the low " +
                std::to_string(field.bits) + " bits are sent";
    return text;
}

}  // namespace spead2
