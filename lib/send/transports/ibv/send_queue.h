// SPDX-License-Identifier: Apache-2.0
// A raw packet send queue on a verbs device, with its completions: made, stopped, started again,
// made anew, paced. What the frames hold and which are in flight is its user's matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <system_error>

#include "net/verbs_completion_queue.h"
#include "net/verbs_device.h"

namespace spead2::send::detail {

class send_queue {
public:
    /// If the device cannot have as much as is asked for, the queue gets less and a warning is
    /// logged.
    /// \param interrupt      completion interrupt, modulo those that there are; negative: none
    /// \param work_requests  that can be in flight
    /// \param elements       of one work request's gather list
    /// \throw std::system_error
    send_queue(const verbs_device& device, int interrupt, std::size_t work_requests,
               std::size_t elements);

    [[nodiscard]] std::size_t work_requests() const noexcept { return work_requests_; }
    [[nodiscard]] std::size_t elements() const noexcept { return elements_; }
    [[nodiscard]] verbs_completion_queue& completions() noexcept { return completions_; }

    /// \return errno, 0 if all were posted; \a bad is the first that was not
    [[nodiscard]] int post(ibv_send_wr* first, ibv_send_wr*& bad) noexcept {
        return ibv_post_send(pair_.get(), first, &bad);
    }

    /// Enter the error state: what was posted and not sent completes with an error, and so does
    /// what is posted from now on.
    [[nodiscard]] std::error_code stop() noexcept;
    /// After an error: drop everything posted and be ready to post again.
    [[nodiscard]] std::error_code restart() noexcept;
    /// The same when the completion queue is broken too, or the device is stuck.
    [[nodiscard]] std::error_code rebuild() noexcept;
    /// Drop everything posted; nothing can be posted any more.
    void close() noexcept { pair_.reset(); }

    /// Have the device pace. \return whether it does
    [[nodiscard]] bool set_rate(double bits_per_second) noexcept;

private:
    [[nodiscard]] verbs_ptr<ibv_qp> try_create_pair() const noexcept;
    [[nodiscard]] std::error_code start() noexcept;
    [[nodiscard]] int apply_rate(std::uint32_t kbps) noexcept;

    const verbs_device& device_;
    std::size_t work_requests_;
    std::size_t elements_;
    std::uint32_t rate_kbps_ = 0;
    // The queue pair uses the completions.
    verbs_completion_queue completions_;
    verbs_ptr<ibv_qp> pair_;
};

}  // namespace spead2::send::detail
