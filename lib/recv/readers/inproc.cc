// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/readers/inproc.h>

#include <stdexcept>
#include <utility>

namespace spead2::recv {

inproc_reader::inproc_reader(std::shared_ptr<inproc_queue> queue) : queue_(std::move(queue)) {
    if (!queue_) throw std::invalid_argument("queue cannot be null");
}
inproc_reader::~inproc_reader() = default;

void inproc_reader::start(std::weak_ptr<waiter> who) { who_ = std::move(who); }

read_wait inproc_reader::read(intake& to) {
    std::size_t left = bounded_bytes;
    while (to.takes_more()) {
        if (!held_) {
            held_ = queue_->try_get_packet();
            if (!held_) {
                if (queue_->wait_packet(who_)) return {.what = read_wait::kind::told};
                if (queue_->size() == 0 && queue_->stopped())
                    return {.what = read_wait::kind::ended};
                continue;
            }
            to.begin_batch();
            if (held_->empty()) {
                to.log_fault(packet_fault::too_small, *held_);
                held_.reset();
                continue;
            }
        }
        if (to.add_datagrams(*held_, held_->size()) == 0) break;
        const std::size_t size = held_->size();
        held_.reset();
        if (size >= left) break;
        left -= size;
    }
    return {.what = read_wait::kind::again};
}

std::shared_ptr<const void> inproc_reader::close() noexcept {
    held_.reset();
    queue_->stop_waiting(who_);
    return nullptr;
}

std::string inproc_reader::describe() const { return "inproc"; }

}  // namespace spead2::recv
