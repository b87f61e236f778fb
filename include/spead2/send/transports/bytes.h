// SPDX-License-Identifier: Apache-2.0
// Transport that collects packets in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <spead2/send/transport.h>
#include <spead2/send/transport_info.h>

namespace spead2::send {

/// The packets of a stream one after another; shared by the transport and whoever looks at it.
class byte_collector {
public:
    /// A copy of what was sent so far.
    [[nodiscard]] std::vector<std::uint8_t> value() const;

private:
    friend class bytes_transport;
    mutable std::mutex mutex_;
    std::vector<std::uint8_t> bytes_;
};

/// Substreams: one. If memory runs out, packets fail with ENOMEM.
class bytes_transport final : public transport {
public:
    static constexpr transport_info info{.name = "bytes",
                                         .stream = "BytesStream",
                                         .label = "Memory",
                                         .text = "Stream that collects its packets in memory."};

    explicit bytes_transport(std::shared_ptr<byte_collector> collector);
    [[nodiscard]] std::size_t num_substreams() const noexcept override { return 1; }
    [[nodiscard]] send_result send(packet_span packets) noexcept override;
    [[nodiscard]] std::string describe() const override { return "bytes"; }

private:
    std::shared_ptr<byte_collector> collector_;
};

}  // namespace spead2::send
