// SPDX-License-Identifier: Apache-2.0
// How those who use a verbs device wait for completions: by the device's interrupt, with a timer beside it
// for devices whose interrupt does not come, or not at all.
//
// Contract: begin() asks for the interrupt; after a last look at the queue, sleep() makes fd() such
// that it becomes readable when there may be something to find. The queue itself is polled by
// completions.h.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "net/socket.h"
#include "net/verbs_completion_queue.h"

namespace spead2 {

class completion_wait {
public:
    /// \throw std::system_error
    explicit completion_wait(verbs_completion_queue& queue);

    /// Of whose completions they are, for the log.
    void set_name(const std::string& name) { name_ = name; }

    /// An epoll of the interrupt and the timer; -1 when polling was asked for.
    [[nodiscard]] int fd() const noexcept { return epoll_.get(); }

    /// Ask for the interrupt. \return false if there is none to wait for: poll again
    [[nodiscard]] bool begin() noexcept;
    /// Nothing was found after begin(): fd() is to be waited for.
    void sleep(std::chrono::steady_clock::time_point now) noexcept;
    /// At the begin of a call: whether the last one ended in sleep().
    [[nodiscard]] bool take_slept() noexcept { return std::exchange(slept_, false); }

    [[nodiscard]] bool armed() const noexcept { return armed_; }
    /// Take the interrupt that begin() asked for, if it is there.
    /// \param found  there are completions that it should have told of after a sleep
    void take_event(bool found) noexcept;
    /// The queue was made anew or started again.
    void reset() noexcept { armed_ = false; }

private:
    using clock = std::chrono::steady_clock;

    verbs_completion_queue& queue_;
    std::string name_;
    unique_fd timer_;
    unique_fd epoll_;
    bool polling_;  ///< never wait for the interrupt
    bool armed_ = false;
    bool slept_ = false;
    int missed_ = 0;  ///< interrupts in a row
    clock::time_point sleep_start_{};
    clock::time_point timer_end_{};
};

}  // namespace spead2
