// SPDX-License-Identifier: Apache-2.0
// Packets become messages for the kernel. Nothing here is done per packet but looking how many of
// them go together, and copying those that are too small to be worth an iovec or two.
//
// Contract: build() makes messages of the packets from one on, as udp_kernel allows; they hold
// until the next build(), as long as the packets do.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <spead2/net/endpoint.h>
#include <spead2/send/packets.h>

#include "send/packets/aligned_bytes.h"
#include "udp_kernel.h"

namespace spead2::send::detail {

class udp_messages {
public:
    /// Packets below this size are copied together, others are left to the kernel to gather.
    /// Measured with header and payload as two iovecs a packet, and payload that is in no cache: at
    /// 256 bytes copying is twice as fast, at 1200 a quarter, at 1472 both are the same, at 2048
    /// gathering is a tenth faster.
    static constexpr std::size_t whole_below = 1400;

    udp_messages(std::vector<endpoint> destinations, const udp_kernel& kernel);

    /// \param connected  the socket is, to the only destination
    /// \return how many messages
    [[nodiscard]] std::size_t build(packet_span packets, std::size_t first,
                                    bool connected) noexcept;
    [[nodiscard]] mmsghdr* operator[](std::size_t i) noexcept { return &messages_[i]; }
    /// Equal packets of this size in one message.
    [[nodiscard]] std::size_t most_packets(std::size_t packet_size) const noexcept;
    /// Bytes of the largest packet that is a message of its own; 0: there is none.
    [[nodiscard]] std::size_t largest_alone() const noexcept { return largest_alone_; }
    /// Packets of message \a i.
    [[nodiscard]] std::uint32_t count(std::size_t i) const noexcept { return counts_[i]; }

    [[nodiscard]] const std::vector<endpoint>& destinations() const noexcept {
        return destinations_;
    }
    void set_destination(std::size_t substream, const endpoint& to) noexcept {
        destinations_[substream] = to;
    }

private:
    /// Messages of one call.
    static constexpr std::size_t max_messages = 512;

    /// A control message that holds a segment size.
    struct alignas(cmsghdr) segment_control {
        std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> bytes;
        void set(std::size_t size) noexcept;
    };

    [[nodiscard]] std::size_t message_packets(const packet& front, const packet* end,
                                              std::size_t& n_iov) const noexcept;

    std::vector<endpoint> destinations_;
    const udp_kernel& kernel_;
    aligned_bytes assembly_;
    std::size_t largest_alone_ = 0;

    // One element a message.
    std::array<mmsghdr, max_messages> messages_;
    std::array<iovec, max_messages> iovs_;
    std::array<segment_control, max_messages> controls_;
    std::array<std::uint32_t, max_messages> counts_;
};

}  // namespace spead2::send::detail
