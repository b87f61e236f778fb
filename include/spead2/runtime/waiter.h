// SPDX-License-Identifier: Apache-2.0
// Somebody who wants to be told once that something is there: a packet in a queue, room in a ring.
// For those who must not sleep on a lock, such as the tasks of a thread_pool.
#pragma once

#include <memory>
#include <utility>
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

[[nodiscard]] inline bool same_waiter(const std::weak_ptr<waiter>& a,
                                      const std::weak_ptr<waiter>& b) noexcept {
    return !a.owner_before(b) && !b.owner_before(a);
}

/// Have \a who in the list, once however often he comes; those that are gone leave it.
inline void add_waiter(waiter_list& list, std::weak_ptr<waiter> who) {
    std::erase_if(list, [](const std::weak_ptr<waiter>& w) { return w.expired(); });
    for (const std::weak_ptr<waiter>& w : list)
        if (same_waiter(w, who)) return;
    list.push_back(std::move(who));
}

}  // namespace spead2
