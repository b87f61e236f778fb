// SPDX-License-Identifier: Apache-2.0
#include <spead2/runtime/forks.h>

#include <pthread.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace spead2 {
namespace detail {

std::atomic<std::uint64_t> forks{0};

}  // namespace detail

namespace {

// Registered when the library is loaded; there is nothing to be done about a failure.
[[maybe_unused]] const int registered = ::pthread_atfork(
    nullptr, nullptr, [] { detail::forks.fetch_add(1, std::memory_order_relaxed); });

}  // namespace

void home_process::refuse(const char* what) {
    throw std::system_error(
        ECANCELED, std::generic_category(),
        std::string(what) + " belongs to the process that this one was forked from");
}

}  // namespace spead2
