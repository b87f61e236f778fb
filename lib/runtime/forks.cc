// SPDX-License-Identifier: Apache-2.0
#include <spead2/runtime/forks.h>

#include <pthread.h>

#include <atomic>

namespace spead2 {
namespace {

std::atomic<std::uint64_t> forks{0};

// Registered when the library is loaded; there is nothing to be done about a failure.
[[maybe_unused]] const int registered =
    ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });

}  // namespace

std::uint64_t fork_count() noexcept { return forks.load(std::memory_order_relaxed); }

}  // namespace spead2
