// SPDX-License-Identifier: Apache-2.0
// Copies of payload: into memory that somebody reads soon, or that leave the cache to others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace spead2::recv {

/// Bytes from which copy_blocks() is worth a call.
inline constexpr std::size_t copy_block = 256;

/// As std::memcpy(), for at least copy_block bytes. Block by block, each loaded as a whole before any
/// of it is stored: between memory that no cache holds that is up to a third faster than what C libraries
/// do with packets of 1 to 9 KiB.
extern void (*const copy_blocks)(std::uint8_t* to, const std::uint8_t* from,
                                 std::size_t n) noexcept;

/// The same from memory that no cache holds to memory that none will: a tenth faster, but slower from a
/// cache. It waits for each block, since the processor's own look-ahead does more for copies without end
/// than loads of its instructions that are far ahead.
extern void (*const copy_cold)(std::uint8_t* to, const std::uint8_t* from, std::size_t n) noexcept;

inline void copy_payload(std::uint8_t* to, const std::uint8_t* from, std::size_t n) noexcept {
    if (n >= copy_block)
        copy_blocks(to, from, n);
    else if (n != 0)
        std::memcpy(to, from, n);
}

/// As std::memcpy(); where the processor can, past the cache: whole lines of it, as parts of lines cost
/// as much. Others may read it after end_nontemporal().
inline void copy_nontemporal(std::uint8_t* to, const std::uint8_t* from, std::size_t n) noexcept {
#ifdef __SSE2__
    constexpr std::size_t line = 64;
    const std::size_t head = (line - reinterpret_cast<std::uintptr_t>(to) % line) % line;
    if (n >= line + head) {
        std::memcpy(to, from, head);
        to += head;
        from += head;
        n -= head;
        for (; n >= line; n -= line, to += line, from += line)
            for (int i = 0; i < 4; ++i)
                _mm_stream_si128(reinterpret_cast<__m128i*>(to) + i,
                                 _mm_loadu_si128(reinterpret_cast<const __m128i*>(from) + i));
    }
#endif
    if (n != 0) std::memcpy(to, from, n);
}

/// What was copied past the cache is there for others, once they have been told of it.
inline void end_nontemporal() noexcept {
#ifdef __SSE2__
    _mm_sfence();
#endif
}

}  // namespace spead2::recv
