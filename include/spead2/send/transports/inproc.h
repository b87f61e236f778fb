// SPDX-License-Identifier: Apache-2.0
// Transport into queues of the same process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <spead2/net/inproc_queue.h>
#include <spead2/send/transport.h>
#include <spead2/send/transport_info.h>

namespace spead2::send {

/// One substream a queue. Packets for a stopped queue fail with ECANCELED.
class inproc_transport final : public transport {
public:
    static constexpr transport_info info{
        .name = "inproc",
        .stream = "InprocStream",
        .label = "Queues of the process",
        .text = "Stream into queues of the same process, one substream a queue."};

    /// \throw std::invalid_argument if there are no queues, or one is null
    explicit inproc_transport(std::vector<std::shared_ptr<inproc_queue>> queues);
    [[nodiscard]] std::size_t num_substreams() const noexcept override { return queues_.size(); }
    [[nodiscard]] send_result send(packet_span packets) noexcept override;
    [[nodiscard]] std::string describe() const override;
    [[nodiscard]] const std::vector<std::shared_ptr<inproc_queue>>& queues() const noexcept {
        return queues_;
    }

private:
    std::vector<std::shared_ptr<inproc_queue>> queues_;
};

}  // namespace spead2::send
