// SPDX-License-Identifier: Apache-2.0
// Somebody who wants to be told once that something is there: a packet in a queue, room in a ring.
// For those who must not sleep on a lock, such as the tasks of a thread_pool.
#pragma once

#include <memory>
#include <vector>

namespace spead2 {

class waiter {
public:
    virtual ~waiter() = default;
    /// What was waited for may be there now. From any thread, without locks; must be quick.
    virtual void ready() noexcept = 0;
};

/// Waiters in the order in which they came. Those that are gone by then are not told.
using waiter_list = std::vector<std::weak_ptr<waiter>>;

}  // namespace spead2
