// SPDX-License-Identifier: Apache-2.0
// A completion queue of a verbs device, with the interrupt that tells of completions. What they are
// completions of is its user's matter.
#pragma once

#include <cstddef>
#include <span>

#include "net/verbs_device.h"

namespace spead2 {

class verbs_completion_queue {
public:
    /// \param interrupt  completion interrupt to use, modulo those that there are; negative: none
    /// \throw std::system_error
    verbs_completion_queue(const verbs_device& device, int interrupt);

    /// Make a queue of so many completions, in place of the one there was, whose queue pairs must
    /// be gone. \throw std::system_error
    void create(std::size_t completions);
    [[nodiscard]] ibv_cq* get() const noexcept { return queue_.get(); }

    /// \return how many completions, negative if the queue is broken
    [[nodiscard]] int poll(std::span<ibv_wc> completions) noexcept {
        return ibv_poll_cq(queue_.get(), static_cast<int>(completions.size()), completions.data());
    }

    /// Becomes readable when a completion has come after arm(). -1 without an interrupt.
    [[nodiscard]] int event_fd() const noexcept { return channel_ ? channel_->fd : -1; }
    /// Have the next completion make event_fd() readable. \return errno
    [[nodiscard]] int arm() noexcept { return ibv_req_notify_cq(queue_.get(), 0); }
    /// Take what made event_fd() readable. \return whether there was anything
    bool take_event() noexcept;

private:
    const verbs_device& device_;
    int interrupt_;
    verbs_ptr<ibv_comp_channel> channel_;
    verbs_ptr<ibv_cq> queue_;
};

}  // namespace spead2
