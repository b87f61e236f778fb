// SPDX-License-Identifier: Apache-2.0
// Every number type at widths of 1 to 64 bits and at every offset within a byte: what fits comes
// back as it was, what does not is refused or wraps. Bits are compared with ones set singly.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include <spead2/wire/bits.h>
#include <spead2/wire/number.h>

#include "../expect.h"

namespace {

using namespace spead2;

constexpr std::uint64_t ones = ~std::uint64_t{0};

/// A row of bits, written and read one at a time.
struct plain_bits {
    std::vector<std::uint8_t> bytes;
    std::uint64_t size = 0;

    void put(std::uint64_t value, std::uint64_t bits) {
        for (std::uint64_t i = bits; i-- > 0; ++size) {
            if (size % 8 == 0) bytes.push_back(0);
            const bool one = i < 64 && (value >> i & 1) != 0;
            if (one) bytes.back() |= static_cast<std::uint8_t>(0x80 >> size % 8);
        }
    }
};

/// Memory with nothing behind it that may be read.
std::vector<std::uint8_t> exactly(const std::vector<std::uint8_t>& bytes) {
    std::vector<std::uint8_t> copy(bytes);
    copy.shrink_to_fit();
    return copy;
}

void check_bits() {
    std::mt19937_64 random(1);
    for (unsigned offset = 0; offset < 8; ++offset) {
        for (unsigned bits = 1; bits <= 64; ++bits) {
            for (unsigned n = 1; n <= 20; n += 1 + n / 3) {
                plain_bits plain;
                std::vector<std::uint64_t> values;
                if (offset != 0) plain.put(ones, offset);
                for (unsigned i = 0; i < n; ++i) {
                    values.push_back(random() & low_bits_mask(bits));
                    plain.put(values.back(), bits);
                }
                std::vector<std::uint8_t> written(plain.bytes.size(), 0xAA);
                bit_writer writer(written.data());
                if (offset != 0) writer.put(low_bits_mask(offset), offset);
                for (const std::uint64_t value : values) writer.put(value, bits);
                EXPECT(writer.finish() == written.data() + written.size());
                EXPECT(written == plain.bytes);

                const std::vector<std::uint8_t> memory = exactly(plain.bytes);
                bit_reader reader(memory.data(), memory.size());
                reader.skip(offset);
                for (const std::uint64_t value : values) EXPECT(reader.get(bits) == value);
                EXPECT(reader.left() == (8 - plain.size % 8) % 8);
            }
        }
    }
}

void check_wide_fields() {
    std::mt19937_64 random(2);
    for (unsigned offset = 0; offset < 8; ++offset) {
        for (std::uint64_t bits = 1; bits <= 200; ++bits) {
            std::vector<std::uint8_t> number((bits + 7) / 8);
            for (std::uint8_t& byte : number) byte = static_cast<std::uint8_t>(random());
            if (bits % 8 != 0) number.front() &= static_cast<std::uint8_t>((1 << bits % 8) - 1);
            std::vector<std::uint8_t> written((offset + bits + 7) / 8);
            bit_writer writer(written.data());
            if (offset != 0) writer.put(0, offset);
            writer.put_bytes(number.data(), bits);
            EXPECT(writer.finish() == written.data() + written.size());
            bit_reader reader(written.data(), written.size());
            reader.skip(offset);
            std::vector<std::uint8_t> read(number.size(), 0xAA);
            reader.get_bytes(bits, read.data());
            EXPECT(read == number);
        }
    }
}

/// What decode() gives, as an integer with a sign.
integer decoded(std::uint64_t raw, const format_field& field) {
    return decode(raw, field, [](auto value) {
        using type = decltype(value);
        if constexpr (std::is_same_v<type, std::uint64_t> || std::is_same_v<type, std::int64_t>)
            return integer::of(value);
        else
            return integer::of(static_cast<std::uint64_t>(value));
    });
}

bool same(const integer& a, const integer& b) {
    return a.bits == b.bits && a.negative == b.negative;
}

void check_integers() {
    for (std::uint64_t bits = 1; bits <= 64; ++bits) {
        const format_field u{'u', bits};
        const format_field i{'i', bits};
        const std::uint64_t most = low_bits_mask(bits);
        const auto high = static_cast<std::int64_t>(low_bits_mask(bits - 1));
        const std::int64_t low = -high - 1;
        for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, most / 3, most}) {
            const auto raw = encode(integer::of(value), u, overflow::refuse);
            EXPECT(raw == value && same(decoded(*raw, u), integer::of(value)));
        }
        for (const std::int64_t value : {low, low / 3, std::int64_t{-1}, std::int64_t{0}, high}) {
            const auto raw = encode(integer::of(value), i, overflow::refuse);
            EXPECT(raw && *raw <= most && same(decoded(*raw, i), integer::of(value)));
        }
        for (const overflow rule : {overflow::refuse, overflow::wrap}) {
            EXPECT(!encode(integer::of(std::int64_t{-1}), u, rule));
            EXPECT(!encode(integer::of(static_cast<std::uint64_t>(high) + 1), i, rule));
            EXPECT(!encode(integer::of(ones), i, rule));
            if (bits < 64) EXPECT(!encode(integer::of(low - 1), i, rule));
        }
        if (bits < 64) {
            const integer beyond = integer::of(most + 1 + most / 3);
            EXPECT(!encode(beyond, u, overflow::refuse));
            EXPECT(encode(beyond, u, overflow::wrap) == most / 3);
            EXPECT(encode(integer::of(ones), u, overflow::wrap) == most);
        }
        EXPECT(encode(integer::of(std::int64_t{-7}), {'b', bits}, overflow::refuse) == 1U);
        EXPECT(encode(integer::of(std::uint64_t{0}), {'b', bits}, overflow::refuse) == 0U);
    }
    EXPECT(!encode(integer::of(std::uint64_t{65}), {'c', 8}, overflow::wrap));
}

void check_reals() {
    constexpr format_field f32{'f', 32};
    constexpr format_field f64{'f', 64};
    for (const double value : {0.0, -0.0, 1.5, -0x1p-1000, 1e300, HUGE_VAL}) {
        const auto raw = encode(value, f64, overflow::refuse);
        EXPECT(raw && decode(*raw, f64, [](auto v) { return static_cast<double>(v); }) == value);
    }
    EXPECT(encode(1.5, f32, overflow::refuse) == 0x3FC00000U);
    EXPECT(encode(-2.0, f64, overflow::refuse) == 0xC000000000000000U);
    EXPECT(encode(1e300, f32, overflow::refuse) == 0x7F800000U);
    EXPECT(encode(integer::of(std::int64_t{-2}), f64, overflow::refuse) == 0xC000000000000000U);
    EXPECT(encode(integer::of(ones), f32, overflow::refuse) == 0x5F800000U);
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT(decode(*encode(nan, f32, overflow::wrap), f32,
                  [](auto v) { return std::isnan(static_cast<double>(v)); }));
    for (const overflow rule : {overflow::refuse, overflow::wrap}) {
        EXPECT(encode(2.5, {'u', 8}, rule) == 3U);
        EXPECT(encode(-2.5, {'i', 8}, rule) == 0xFDU);
        EXPECT(!encode(-0.5, {'u', 8}, rule));
        EXPECT(!encode(0x1p64, {'u', 64}, rule));
        EXPECT(!encode(nan, {'u', 64}, rule));
        EXPECT(encode(nan, {'b', 8}, rule) == 1U);
    }
    EXPECT(encode(256.0, {'u', 8}, overflow::wrap) == 0U &&
           !encode(256.0, {'u', 8}, overflow::refuse));
}

void check_texts() {
    EXPECT(out_of_range_text("-1", {'u', 48}) ==
           "-1 is out of range for u48: must be from 0 to 281474976710655");
    EXPECT(out_of_range_text("8", {'i', 4}) == "8 is out of range for i4: must be from -8 to 7");
    EXPECT(out_of_range_text("9", {'i', 65}) ==
           "9 is out of range for i65: must be from -2**64 to 18446744073709551615");
    EXPECT(out_of_range_text("-1", {'u', 65}) ==
           "-1 is out of range for u65: must be from 0 to 2**65 - 1");
    EXPECT(out_of_range_text("-1", {'u', 24}, overflow::wrap) ==
           "-1 is out of range for u24: must be from 0 to 16777215; of larger ones, up to "
           "18446744073709551615, the low 24 bits are sent");
    EXPECT(out_of_range_text("-1", {'u', 63}, overflow::wrap) ==
           "-1 is out of range for u63: must be from 0 to 9223372036854775807; of larger ones, up "
           "to 18446744073709551615, the low 63 bits are sent");
    EXPECT(out_of_range_text("-1", {'u', 64}, overflow::wrap) ==
           "-1 is out of range for u64: must be from 0 to 18446744073709551615");
    EXPECT(out_of_range_text("9", {'i', 64}) ==
           "9 is out of range for i64: must be from -9223372036854775808 to 9223372036854775807");
    EXPECT(out_of_range_text("9", {'i', 66}) ==
           "9 is out of range for i66: must be from -2**65 to 2**65 - 1");
    EXPECT(to_text(integer::of(std::int64_t{-5})) == "-5" &&
           to_text(integer::of(ones)) == "18446744073709551615");
    EXPECT(legal_fields_text() ==
           "u with 1 to 16777215 bits, i with 1 to 16777215 bits, f with 32 or 64 bits, "
           "b with 1 to 16777215 bits, c with 8");
}

void check_legal() {
    EXPECT(is_legal({'u', 1}) && is_legal({'i', max_field_bits}) && is_legal({'b', 64}));
    EXPECT(is_legal({'f', 32}) && is_legal({'f', 64}) && is_legal({'c', 8}));
    EXPECT(!is_legal({'u', 0}) && !is_legal({'i', max_field_bits + 1}) && !is_legal({'f', 48}));
    EXPECT(!is_legal({'f', 96}) && !is_legal({'f', 0}) && !is_legal({'c', 16}) &&
           !is_legal({'x', 8}));
}

}  // namespace

int main() {
    check_bits();
    check_wide_fields();
    check_integers();
    check_reals();
    check_texts();
    check_legal();
    if (failures == 0) std::puts("all held");
    return failures == 0 ? 0 : 1;
}
