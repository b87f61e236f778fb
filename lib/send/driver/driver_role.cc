// SPDX-License-Identifier: Apache-2.0
#include "driver_role.h"

namespace spead2::send::detail {

bool driver_role::pass_on(std::shared_ptr<pool_task> task) noexcept {
    if (first_ == nullptr || prefers_worker_) {
        if (give_to_worker(std::move(task))) return true;
        if (first_ == nullptr) return false;
    }
    waiter& w = *first_;
    remove(w);
    holder_ = holder::caller;
    w.drives = true;
    w.changed.notify_one();
    return true;
}

void driver_role::add(waiter& w) noexcept {
    (last_ != nullptr ? last_->next : first_) = &w;
    last_ = &w;
}

void driver_role::remove(waiter& w) noexcept {
    waiter* before = nullptr;
    for (waiter* i = first_; i != nullptr; before = i, i = i->next) {
        if (i != &w) continue;
        (before != nullptr ? before->next : first_) = w.next;
        if (last_ == &w) last_ = before;
        w.next = nullptr;
        return;
    }
}

}  // namespace spead2::send::detail
