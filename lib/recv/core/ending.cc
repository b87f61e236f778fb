// SPDX-License-Identifier: Apache-2.0
// The end of a stream, whichever comes first: from the network (what is there is delivered), by stop()
// (what had no room is dropped), or of the stream's life.
#include <exception>
#include <string>
#include <utility>

#include "stream_core.h"
#include "tasks.h"

namespace spead2::recv {

void stream_core::close_readers() noexcept {
    for (const auto& task : tasks_) {
        if (task->source && !task->ended) task->kept = task->source->close();
        task->ended = true;
        task->wake();  // for the worker to forget it
    }
}

/// No packet comes any more; what is there is delivered as it is.
void stream_core::end_of_network() noexcept {
    stopped_.store(true, std::memory_order_release);
    timer_armed_.store(false);
    try {
        assembly_->flush();
    } catch (const std::exception&) {
        // no memory: the rest is lost
    }
    merge_stats();
    close_readers();
    log_.note_left_out(true);
    paused_.store(true);
    deliver();
    tell_stopped();
}

void stream_core::tell_stopped() noexcept {
    if (!assembly_->finished().empty()) return;
    paused_.store(false);
    if (std::exchange(told_stopped_, true)) return;
    log_.write();  // whoever sees the end is to find all that was said before
    owner_->heaps_stopped();
}

void stream_core::stop() {
    if (is_left()) return;
    want_stop();
    const locked hold(*this);
    if (!hold.nested()) stop_now();  // else when what is going on is done
}

void stream_core::stop_now() noexcept {
    for (const heap_ptr& h : assembly_->finished())
        log_.add(log_level::info, [&h] {
            return "dropped heap " + std::to_string(h->cnt()) + " due to external stop";
        });
    assembly_->finished().clear();
    if (!stopped_.exchange(true)) {
        try {
            assembly_->flush();
        } catch (const std::exception&) {
            // no memory to count with
        }
        assembly_->finished().clear();
        merge_stats();
        close_readers();
    }
    log_.note_left_out(true);
    tell_stopped();
}

void stream_core::close() {
    std::vector<std::unique_ptr<reader>>
        readers;  // they may run code of the user's: without the lock
    stop();
    const locked hold(*this);
    owner_ = nullptr;
    for (const auto& task : tasks_) readers.push_back(std::move(task->source));
    tasks_.clear();
}

std::string stream_core::stop_reason() const {
    check_process();
    if (held_by_caller()) return reason_;
    const std::lock_guard hold(mutex_);
    return reason_;
}

}  // namespace spead2::recv
