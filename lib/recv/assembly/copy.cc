// SPDX-License-Identifier: Apache-2.0
#include "copy.h"

namespace spead2::recv {
namespace {

using copy_function = void (*)(std::uint8_t*, const std::uint8_t*, std::size_t) noexcept;

#if defined(__x86_64__) && defined(__GNUC__)

/// \tparam width  bytes of a register. The last block overlaps the one before it.
/// \tparam waits  for what a block loads, before the next one
template <std::size_t width, bool waits = false>
[[gnu::always_inline]] inline void copy_with(std::uint8_t* to, const std::uint8_t* from,
                                             std::size_t n) noexcept {
    using vector [[gnu::vector_size(width)]] = long long;
    constexpr std::size_t parts = copy_block / width;
    const std::size_t last = n - copy_block;
    for (std::size_t at = 0;; at = at + copy_block < last ? at + copy_block : last) {
        vector block[parts];
#pragma GCC unroll 16
        for (std::size_t i = 0; i < parts; ++i)
            std::memcpy(&block[i], from + at + i * width, width);
#pragma GCC unroll 16
        for (std::size_t i = 0; i < parts; ++i) std::memcpy(to + at + i * width, &block[i], width);
        if (at == last) return;
        if constexpr (waits) __builtin_ia32_lfence();
    }
}

void copy_sse2(std::uint8_t* to, const std::uint8_t* from, std::size_t n) noexcept {
    copy_with<16>(to, from, n);
}

[[gnu::target("avx2")]] void copy_avx2(std::uint8_t* to, const std::uint8_t* from,
                                       std::size_t n) noexcept {
    copy_with<32>(to, from, n);
}

[[gnu::target("avx2")]] void copy_cold_avx2(std::uint8_t* to, const std::uint8_t* from,
                                            std::size_t n) noexcept {
    copy_with<32, true>(to, from, n);
}

bool has_avx2() noexcept {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") != 0;
}

copy_function choose() noexcept { return has_avx2() ? copy_avx2 : copy_sse2; }
copy_function choose_cold() noexcept { return has_avx2() ? copy_cold_avx2 : copy_sse2; }

#else

void copy_as_library(std::uint8_t* to, const std::uint8_t* from, std::size_t n) noexcept {
    std::memcpy(to, from, n);
}

copy_function choose() noexcept { return copy_as_library; }
copy_function choose_cold() noexcept { return copy_as_library; }

#endif

}  // namespace

void (*const copy_blocks)(std::uint8_t*, const std::uint8_t*, std::size_t) noexcept = choose();
void (*const copy_cold)(std::uint8_t*, const std::uint8_t*, std::size_t) noexcept = choose_cold();

}  // namespace spead2::recv
