// SPDX-License-Identifier: Apache-2.0
// Writing big-endian numbers, for the sources of the wire floor only.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace spead2::wire {

inline std::uint64_t to_big_endian(std::uint64_t value) noexcept {
    if constexpr (std::endian::native == std::endian::little)
        return __builtin_bswap64(value);
    else
        return value;
}

inline std::uint8_t* put_u64(std::uint8_t* out, std::uint64_t value) noexcept {
    value = to_big_endian(value);
    std::memcpy(out, &value, sizeof value);
    return out + sizeof value;
}

/// The low \a width bytes of \a value, most significant first.
inline std::uint8_t* put_uint(std::uint8_t* out, std::uint64_t value, std::size_t width) noexcept {
    for (std::size_t i = 0; i < width; ++i)
        out[i] = static_cast<std::uint8_t>(width - 1 - i >= 8 ? 0 : value >> (8 * (width - 1 - i)));
    return out + width;
}

/// The number that \a width (at most 8) big-endian bytes stand for.
inline std::uint64_t get_uint(const std::uint8_t* data, std::size_t width) noexcept {
    std::uint64_t value = 0;
#pragma GCC unroll 1
    for (std::size_t i = 0; i < width; ++i) value = value << 8 | data[i];
    return value;
}

/// Header of a packet with \a n_pointers item pointers, as one number.
inline std::uint64_t packet_header(std::size_t address_bytes, std::size_t n_pointers) noexcept {
    return (std::uint64_t{0x53} << 56) | (std::uint64_t{4} << 48) |
           (static_cast<std::uint64_t>(8 - address_bytes) << 40) |
           (static_cast<std::uint64_t>(address_bytes) << 32) |
           static_cast<std::uint64_t>(n_pointers);
}

/// The fixed part of a packet, from numbers that are in network order already. One store each: an
/// array that is copied as a whole makes the processor wait for its own stores.
inline void put_prefix(std::uint8_t* out, std::uint64_t header, std::uint64_t cnt,
                       std::uint64_t heap_length, std::uint64_t payload_offset,
                       std::uint64_t payload_length) noexcept {
    std::memcpy(out, &header, 8);
    std::memcpy(out + 8, &cnt, 8);
    std::memcpy(out + 16, &heap_length, 8);
    std::memcpy(out + 24, &payload_offset, 8);
    std::memcpy(out + 32, &payload_length, 8);
}

}  // namespace spead2::wire
