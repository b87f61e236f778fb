// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "verbs_completion_queue.h"

#include <fcntl.h>

#include <cerrno>
#include <string>

namespace spead2 {

verbs_completion_queue::verbs_completion_queue(const verbs_device& device, int interrupt)
    : device_(device), interrupt_(interrupt) {
    const int interrupts = device.context()->num_comp_vectors;
    if (interrupt_ < 0 || interrupts <= 0) {
        interrupt_ = 0;
        return;
    }
    interrupt_ %= interrupts;
    channel_.reset(device.library().create_comp_channel(device.context()));
    if (!channel_) verbs_device::fail(errno, "ibv_create_comp_channel failed");
    const int flags = ::fcntl(channel_->fd, F_GETFL);
    if (::fcntl(channel_->fd, F_SETFL, flags | O_NONBLOCK) != 0)
        verbs_device::fail(errno, "the completion channel cannot be made non-blocking");
}

void verbs_completion_queue::create(std::size_t completions) {
    if (queue_ != nullptr && channel_)
        while (take_event()) {
        }
    queue_.reset();
    queue_.reset(device_.library().create_cq(device_.context(), static_cast<int>(completions),
                                             nullptr, channel_.get(), interrupt_));
    if (!queue_)
        verbs_device::fail(errno, "creating a completion queue of " + std::to_string(completions) +
                                      " entries failed");
}

bool verbs_completion_queue::take_event() noexcept {
    ibv_cq* queue = nullptr;
    void* context = nullptr;
    if (device_.library().get_cq_event(channel_.get(), &queue, &context) != 0) return false;
    device_.library().ack_cq_events(queue, 1);
    return true;
}

}  // namespace spead2

#endif
