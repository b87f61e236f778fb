// SPDX-License-Identifier: Apache-2.0
// Packets that lie in memory, back to back.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <spead2/recv/reader.h>
#include <spead2/recv/reader_info.h>

namespace spead2::recv {

/// Ends with the memory, or at the first packet that cannot be read.
class buffer_reader final : public reader {
public:
    static constexpr reader_info info{.name = "buffer",
                                      .method = "add_buffer_reader",
                                      .label = "Memory",
                                      .text = "Receive packets that lie in memory, back to back."};

    /// \param owner  keeps \a packets; let go of with the stream
    explicit buffer_reader(std::span<const std::uint8_t> packets,
                           std::shared_ptr<const void> owner = nullptr);

    [[nodiscard]] read_wait read(intake& to) override;
    [[nodiscard]] std::string describe() const override;

private:
    const std::span<const std::uint8_t> packets_;
    const std::shared_ptr<const void> owner_;
    std::size_t position_ = 0;
    bool began_ = false;
};

}  // namespace spead2::recv
