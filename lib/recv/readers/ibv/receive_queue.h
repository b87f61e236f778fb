// SPDX-License-Identifier: Apache-2.0
// A raw packet receive queue on a verbs device: memory for frames, which the device fills in any
// order, the rules by which it steers frames here, and a new start when it has stopped. What is in the
// frames is its user's matter.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include "net/ethernet_frame.h"
#include "net/verbs_completion_queue.h"
#include "net/verbs_device.h"

namespace spead2::recv::detail {

/// Gives memory from mmap(2) back.
struct unmapped {
    std::size_t size = 0;
    void operator()(std::uint8_t* memory) const noexcept;
};

class receive_queue {
public:
    struct parameters {
        std::size_t frame_size = 0;   ///< bytes of the largest frame
        std::size_t buffer_size = 0;  ///< bytes for all frames
        int interrupt = 0;            ///< modulo those that there are; negative: none
        mac_address mac{};            ///< of the interface, for endpoints that are no groups
        std::vector<ipv4_endpoint> endpoints;
    };

    /// If the device cannot have as many frames as are asked for, the queue gets less and a warning
    /// is logged. \throw std::system_error
    receive_queue(const verbs_device& device, parameters p);

    [[nodiscard]] verbs_completion_queue& completions() noexcept { return completions_; }
    [[nodiscard]] std::size_t frames() const noexcept { return slots_.size(); }

    /// Steer frames here from now on. \throw std::system_error
    void steer();
    /// The frame of a completion, which is the caller's until give_back().
    [[nodiscard]] std::span<const std::uint8_t> frame(const ibv_wc& completion) const noexcept {
        return {memory_.get() + completion.wr_id * slot_size_,
                std::min<std::size_t>(completion.byte_len, parameters_.frame_size)};
    }
    /// The frame of a completion's wr_id is not needed any more; flush() says so to the device.
    void give_back(std::uint64_t id) noexcept {
        ibv_recv_wr& request = slots_[id].request;
        *last_back_ = &request;
        last_back_ = &request.next;
    }
    [[nodiscard]] std::error_code flush() noexcept;
    /// After an error of the queue: be as new. All that waits in it is lost.
    [[nodiscard]] std::error_code restart() noexcept;
    /// Receive nothing any more.
    void close() noexcept;

private:
    struct slot {
        ibv_recv_wr request{};
        ibv_sge element{};
    };

    void allocate();
    [[nodiscard]] verbs_ptr<ibv_qp> try_create_pair(std::size_t frames) const noexcept;
    [[nodiscard]] std::error_code start() noexcept;
    [[nodiscard]] verbs_ptr<ibv_flow> make_flow(const ipv4_endpoint& e) const noexcept;

    const verbs_device& device_;
    const parameters parameters_;
    const std::size_t slot_size_;
    std::size_t frames_;
    bool steered_ = false;
    // In the order in which they depend on each other.
    std::unique_ptr<std::uint8_t, unmapped> memory_;
    verbs_ptr<ibv_mr> region_;
    std::vector<slot> slots_;
    verbs_completion_queue completions_;
    verbs_ptr<ibv_qp> pair_;
    std::vector<verbs_ptr<ibv_flow>> flows_;
    ibv_recv_wr* first_back_ = nullptr;  ///< given back, but not told
    ibv_recv_wr** last_back_ = &first_back_;
};

}  // namespace spead2::recv::detail
