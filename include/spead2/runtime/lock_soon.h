// SPDX-License-Identifier: Apache-2.0
// For locks that others hold for much less time than it takes to sleep and to be woken.
#pragma once

namespace spead2 {

/// Lock; while somebody else has it look again for about a microsecond before sleeping.
/// \tparam Lock  std::mutex, std::unique_lock and the like
template <typename Lock>
void lock_soon(Lock& lock) {
    constexpr int looks = 64;
    for (int i = 0; i < looks; ++i) {
        if (lock.try_lock()) return;
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }
    lock.lock();
}

}  // namespace spead2
