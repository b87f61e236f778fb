// SPDX-License-Identifier: Apache-2.0
// A copy of payload that leaves the cache to others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace spead2::recv {

/// As std::memcpy(); where the processor can, past the cache.
inline void copy_nontemporal(std::uint8_t* to, const std::uint8_t* from, std::size_t n) noexcept {
#ifdef __SSE2__
    const std::size_t head = (16 - reinterpret_cast<std::uintptr_t>(to) % 16) % 16;
    if (n >= 64 + head) {
        std::memcpy(to, from, head);
        to += head;
        from += head;
        n -= head;
        for (; n >= 64; n -= 64, to += 64, from += 64)
            for (int i = 0; i < 4; ++i)
                _mm_stream_si128(reinterpret_cast<__m128i*>(to) + i,
                                 _mm_loadu_si128(reinterpret_cast<const __m128i*>(from) + i));
        _mm_sfence();
    }
#endif
    if (n != 0) std::memcpy(to, from, n);
}

}  // namespace spead2::recv
