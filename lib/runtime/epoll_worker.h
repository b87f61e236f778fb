// SPDX-License-Identifier: Apache-2.0
// The thread of a pool: runs its tasks in turn, and sleeps on all their descriptors and times at once.
// How many there are is thread_pool's matter.
#pragma once

#include <memory>
#include <optional>

#include <spead2/runtime/thread_pool.h>

namespace spead2::detail {

/// Start a thread, bound to \a core if one is given, and of real time with a \a priority above 0.
/// \throw std::system_error
[[nodiscard]] std::shared_ptr<thread_pool::worker> start_epoll_worker(std::optional<int> core,
                                                                      int priority);

}  // namespace spead2::detail
