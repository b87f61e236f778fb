// SPDX-License-Identifier: Apache-2.0
// Packets from a queue within the process.
#pragma once

#include <memory>
#include <optional>

#include <spead2/net/inproc_queue.h>
#include <spead2/recv/reader.h>
#include <spead2/recv/reader_info.h>

namespace spead2::recv {

/// Ends when the queue is stopped and empty. Several readers on one queue each take some packets.
class inproc_reader final : public reader {
public:
    static constexpr reader_info info{.name = "inproc",
                                      .method = "add_inproc_reader",
                                      .label = "Queue of the process",
                                      .text = "Receive packets from a queue within the process."};

    /// \throw std::invalid_argument if \a queue is null
    explicit inproc_reader(std::shared_ptr<inproc_queue> queue);
    ~inproc_reader() override;

    void start(std::weak_ptr<waiter> who) override;
    [[nodiscard]] read_wait read(intake& to) override;
    [[nodiscard]] std::shared_ptr<const void> close() noexcept override;
    [[nodiscard]] std::string describe() const override;

private:
    const std::shared_ptr<inproc_queue> queue_;
    std::weak_ptr<waiter> who_;
    std::optional<inproc_queue::packet_bytes> held_;  ///< taken, but there was no room for its heap
};

}  // namespace spead2::recv
