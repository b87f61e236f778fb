// SPDX-License-Identifier: Apache-2.0
// The number types of format fields: which there are, what each can hold, and how a number becomes
// the bits of a field and back. How fields follow each other is bits.h's part, arrays the faces'.
//
// What does not fit its field:
// - An unsigned number that stands alone (a scalar item) wraps: its low bits are sent. The timestamps
//   of observations that last longer than their field rely on it.
// - All others are refused: negative numbers for unsigned fields, signed numbers beyond theirs, and
//   numbers in arrays and structures. There is one text for it, out_of_range_text().
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <spead2/wire/limits.h>

namespace spead2 {

/// One field of a format: a code of number_types and its width in bits.
struct format_field {
    char code;
    std::uint64_t bits;
    friend bool operator==(const format_field&, const format_field&) = default;
};

/// A row of the table of number types. Legal are min_bits, and on in steps up to max_bits.
struct number_type {
    char code;
    std::string_view what;
    std::uint64_t min_bits;
    std::uint64_t max_bits;
    std::uint64_t step;
};

inline constexpr std::array<number_type, 5> number_types{{
    {'u', "unsigned integer", 1, max_field_bits, 1},
    {'i', "signed integer in two's complement", 1, max_field_bits, 1},
    {'f', "IEEE 754 real number", 32, 64, 32},
    {'b', "truth value: false if all bits are 0", 1, max_field_bits, 1},
    {'c', "character", 8, 8, 1},
}};

[[nodiscard]] constexpr bool is_legal(const format_field& field) noexcept {
    for (const number_type& type : number_types) {
        if (type.code == field.code)
            return field.bits >= type.min_bits && field.bits <= type.max_bits &&
                   (field.bits - type.min_bits) % type.step == 0;
    }
    return false;
}

/// Which fields there may be: "u with 1 to 16777215 bits, ..., c with 8".
[[nodiscard]] std::string legal_fields_text();

/// An integer from -2**63 to 2**64 - 1.
struct integer {
    std::uint64_t bits;  ///< two's complement
    bool negative;

    [[nodiscard]] static constexpr integer of(std::int64_t value) noexcept {
        return {static_cast<std::uint64_t>(value), value < 0};
    }
    [[nodiscard]] static constexpr integer of(std::uint64_t value) noexcept {
        return {value, false};
    }
};

[[nodiscard]] std::string to_text(const integer& n);

/// What becomes of an unsigned number beyond its field.
enum class overflow : std::uint8_t { refuse, wrap };

/// Why a number was refused: "-1 is out of range for u48: must be from 0 to 281474976710655".
/// \param number  its decimal digits; it may have any number of them
/// \param field   of code u or i
[[nodiscard]] std::string out_of_range_text(std::string_view number, const format_field& field,
                                            overflow rule = overflow::refuse);

/// All ones in the low \a bits, of which there may be more than 64.
[[nodiscard]] constexpr std::uint64_t low_bits_mask(std::uint64_t bits) noexcept {
    return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

/// Whether a field of code u or i can hold a number.
[[nodiscard]] constexpr bool fits(const integer& n, const format_field& field) noexcept {
    if (field.code == 'u') return !n.negative && (n.bits & ~low_bits_mask(field.bits)) == 0;
    const std::uint64_t magnitude = n.negative ? ~n.bits : n.bits;
    return (magnitude & ~low_bits_mask(field.bits - 1)) == 0;
}

/// The low 64 bits of a field (all of it, if it has no more) that holds an integer, which any field
/// but a character can. A field of more than 64 bits goes on with the number's sign. Reals are
/// rounded to the nearest; b is whether the number is not 0.
/// \return nothing if it does not fit
[[nodiscard]] constexpr std::optional<std::uint64_t> encode(const integer& n,
                                                            const format_field& field,
                                                            overflow rule) noexcept {
    switch (field.code) {
        case 'u':
            if (n.negative || (rule == overflow::refuse && !fits(n, field))) return std::nullopt;
            return n.bits & low_bits_mask(field.bits);
        case 'i':
            if (!fits(n, field)) return std::nullopt;
            return n.bits & low_bits_mask(field.bits);
        case 'b':
            return n.bits != 0 ? 1 : 0;
        case 'f':
            if (field.bits == 64)
                return std::bit_cast<std::uint64_t>(
                    n.negative ? static_cast<double>(static_cast<std::int64_t>(n.bits))
                               : static_cast<double>(n.bits));
            return std::bit_cast<std::uint32_t>(
                n.negative ? static_cast<float>(static_cast<std::int64_t>(n.bits))
                           : static_cast<float>(n.bits));
        default:
            return std::nullopt;
    }
}

/// The same for a real number. Integers are rounded to the nearest, halves away from 0. Numbers
/// beyond single precision become infinite.
[[nodiscard]] inline std::optional<std::uint64_t> encode(double number, const format_field& field,
                                                         overflow rule) noexcept {
    if (field.code == 'f') {
        if (field.bits == 64) return std::bit_cast<std::uint64_t>(number);
        return std::bit_cast<std::uint32_t>(static_cast<float>(number));
    }
    if (field.code == 'b') return number != 0 ? 1 : 0;
    const double whole = std::round(number);
    if (!(whole >= -0x1p63 && whole < 0x1p64)) return std::nullopt;
    return encode(whole < 0 ? integer::of(static_cast<std::int64_t>(whole))
                            : integer::of(static_cast<std::uint64_t>(whole)),
                  field, rule);
}

/// Sign extension of the low \a bits (1 to 64).
[[nodiscard]] constexpr std::int64_t sign_extended(std::uint64_t raw, std::uint64_t bits) noexcept {
    const auto shift = static_cast<unsigned>(64 - bits);
    return static_cast<std::int64_t>(raw << shift) >> shift;
}

/// What the bits of a field of at most 64 stand for. Calls \a take with a std::uint64_t (u), a
/// std::int64_t (i), a double (f), a bool (b) or a char (c), and returns what it returns.
/// \param raw  bits above the field's are 0
template <typename Take>
constexpr decltype(auto) decode(std::uint64_t raw, const format_field& field, Take&& take) {
    switch (field.code) {
        case 'i':
            return take(sign_extended(raw, field.bits));
        case 'f':
            if (field.bits == 64) return take(std::bit_cast<double>(raw));
            return take(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(raw))));
        case 'b':
            return take(raw != 0);
        case 'c':
            return take(static_cast<char>(raw));
        default:
            return take(raw);
    }
}

}  // namespace spead2
