// SPDX-License-Identifier: Apache-2.0
#include "task_notes.h"

namespace spead2 {

pool_task::pool_task() : notes_(std::make_unique<notes>()) {
    notes::timers one;
    one.emplace(std::chrono::steady_clock::time_point(), this);
    notes_->unused_timer = one.extract(one.begin());
}

pool_task::~pool_task() = default;

}  // namespace spead2
