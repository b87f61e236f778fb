// SPDX-License-Identifier: Apache-2.0
// A raw packet send queue on the device that owns an address, with its completion queue and its
// registered memory. What the frames hold and which are in flight is its user's matter.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "net/verbs_library.h"

namespace spead2::send {

class verbs_queue {
public:
    /// \param interface    IPv4 address that the device owns
    /// \param comp_vector  completion interrupt, modulo those that there are; negative: none
    /// \throw std::runtime_error, std::system_error
    verbs_queue(const in_addr& interface, int comp_vector);
    ~verbs_queue();
    verbs_queue(const verbs_queue&) = delete;
    verbs_queue& operator=(const verbs_queue&) = delete;

    /// Make the queue. If the device cannot have as much, it gets less and a warning is logged.
    /// \param work_requests  that can be in flight
    /// \param elements       of one work request's gather list
    void open(std::size_t work_requests, std::size_t elements);
    [[nodiscard]] std::size_t work_requests() const noexcept { return work_requests_; }
    [[nodiscard]] std::size_t elements() const noexcept { return elements_; }

    /// Register memory for reading; \a what names it in errors.
    /// \return its key  \throw std::system_error
    [[nodiscard]] std::uint32_t register_memory(const void* data, std::size_t length,
                                                const std::string& what);

    [[nodiscard]] bool checksum_offload() const noexcept { return checksum_offload_; }
    [[nodiscard]] const char* device_name() const noexcept { return id_->verbs->device->name; }

    /// \return errno, 0 if all were posted; \a bad is the first that was not
    [[nodiscard]] int post(ibv_send_wr* first, ibv_send_wr*& bad) noexcept {
        return ibv_post_send(qp_.get(), first, &bad);
    }
    /// \return how many completions, negative if the completion queue is broken
    [[nodiscard]] int poll(std::span<ibv_wc> completions) noexcept {
        return ibv_poll_cq(cq_.get(), static_cast<int>(completions.size()), completions.data());
    }

    /// Becomes readable when a completion has come after arm(). -1 if polling was asked for.
    [[nodiscard]] int event_fd() const noexcept { return channel_ ? channel_->fd : -1; }
    /// Have the next completion make event_fd() readable. \return errno
    int arm() noexcept { return ibv_req_notify_cq(cq_.get(), 0); }
    /// Take what made event_fd() readable. \return whether there was anything
    bool take_event() noexcept;

    /// Enter the error state: what was posted and not sent completes with an error, and so does
    /// what is posted from now on.
    [[nodiscard]] std::error_code stop() noexcept;
    /// After an error: drop everything posted and be ready to post again.
    [[nodiscard]] std::error_code restart() noexcept;
    /// The same when the completion queue is broken too, or the device is stuck.
    [[nodiscard]] std::error_code rebuild() noexcept;
    /// Drop everything posted; nothing can be posted any more.
    void close() noexcept { qp_.reset(); }

    /// Have the device pace. \return whether it does
    [[nodiscard]] bool set_rate(double bits_per_second) noexcept;

private:
    void query_device();
    void create_completion_queue();
    [[nodiscard]] verbs_ptr<ibv_qp> try_create_queue_pair(std::size_t work_requests) const noexcept;
    [[nodiscard]] std::error_code start() noexcept;
    [[nodiscard]] int apply_rate(std::uint32_t kbps) noexcept;

    const verbs_library& lib_;
    int comp_vector_;
    std::size_t work_requests_ = 0;
    std::size_t elements_ = 1;
    bool checksum_offload_ = false;
    ibv_device_attr_ex attributes_{};
    std::uint32_t rate_kbps_ = 0;

    // In the order in which they depend on each other.
    verbs_ptr<rdma_event_channel> cm_channel_;
    verbs_ptr<rdma_cm_id> id_;
    verbs_ptr<ibv_pd> pd_;
    verbs_ptr<ibv_comp_channel> channel_;
    verbs_ptr<ibv_cq> cq_;
    std::vector<verbs_ptr<ibv_mr>> regions_;
    verbs_ptr<ibv_qp> qp_;
};

}  // namespace spead2::send
