// SPDX-License-Identifier: Apache-2.0
// What the kernel and the device under a UDP socket can do: several messages a call (sendmmsg) and
// several packets a message (UDP_SEGMENT). Capability, attempt and fallback are here, each with
// the kernel or device that needs it; nothing here touches packets.
//
// Contract: before messages are made, max_...() and largest_segment() say how they may look. When
// the kernel refuses one, refused() says what to do. Nothing is believed to be missing before the
// same packets went in another way, which taken() learns; what is missing is tried again later.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <spead2/net/endpoint.h>

namespace spead2::send::detail {

class udp_kernel {
public:
    using clock = std::chrono::steady_clock;

    /// \param has_segmentation  the socket knows the option
    udp_kernel(const std::vector<endpoint>& destinations, bool has_segmentation);

    /// Largest packet to this substream that may go with others in one message; 0: none.
    [[nodiscard]] std::size_t largest_segment(std::size_t substream) const noexcept {
        return one_by_one() ? 0 : destinations_[substream].largest_segment;
    }
    /// Packets in one message.
    [[nodiscard]] std::size_t max_segments() const noexcept {
        return doubt_ == doubt::many_segments ? few_segments : max_segments_;
    }
    /// Messages in one call.
    [[nodiscard]] std::size_t max_messages() const noexcept {
        return doubt_ != doubt::none || one_by_one() ? 1 : max_messages_;
    }

    /// At the begin of a call: what is missing may be tried again.
    void renew() noexcept {
        if (missing_) try_again();
    }

    /// The substream's packets go elsewhere now: nothing is known to be missing on the way there.
    void set_destination(std::size_t substream, const endpoint& to) noexcept;

    enum class next_move : std::uint8_t {
        resend,   ///< the messages as they are
        rebuild,  ///< messages must be made anew
        wait,     ///< until the socket is writable
        pause,    ///< a moment
        fail,     ///< the message cannot be sent
    };
    struct message {
        std::size_t substream;
        std::size_t packets;
        std::size_t packet_size;  ///< of all but the last one
        std::size_t together;     ///< messages of the call, this one and those after it
    };
    [[nodiscard]] next_move refused(int error, const message& m) noexcept;
    /// The kernel took a message of so many packets.
    void taken(std::size_t substream, std::size_t packets) noexcept {
        if (troubled_) settle(substream, packets);
    }

    /// Whether segmentation offload is in use for some substream.
    [[nodiscard]] bool segmentation() const noexcept;
    void disable_segmentation() noexcept;

private:
    /// Packets of one message with kernels before Linux 6.9 (UDP_MAX_SEGMENTS).
    static constexpr std::size_t few_segments = 64;

    struct destination {
        endpoint to;
        std::size_t largest_segment;
        clock::time_point again = clock::time_point::max();  ///< when to try once more
        clock::duration interval{};                          ///< that was waited for this
        bool trying = false;                                 ///< and has not worked since
    };
    /// What is left out to see whether it is to blame for a refusal.
    enum class doubt : std::uint8_t { none, many_messages, many_segments, segments };

    [[nodiscard]] bool one_by_one() const noexcept {
        return doubt_ == doubt::segments || single_left_ != 0;
    }
    [[nodiscard]] next_move starved() noexcept;
    [[nodiscard]] next_move suspect(int error, const message& m) noexcept;
    void settle(std::size_t substream, std::size_t packets) noexcept;
    void convict() noexcept;
    void lose_segmentation(clock::time_point now) noexcept;
    void try_again() noexcept;

    std::vector<destination> destinations_;
    std::size_t largest_at_first_;  ///< segment, before anything is known
    std::size_t max_segments_;
    std::size_t max_messages_;
    clock::time_point messages_again_ = clock::time_point::max();
    bool missing_ = false;  ///< something is, and will be tried again

    // What has to be settled when a message goes; troubled_ if anything is.
    bool troubled_ = false;
    bool resent_ = false;  ///< the message was refused once
    doubt doubt_ = doubt::none;
    int error_ = 0;                      ///< that the doubt is about
    message doubted_{};                  ///< and the message
    std::size_t single_left_ = 0;        ///< packets to send one by one, since they may all fail
    clock::time_point starved_since_{};  ///< no memory or room; epoch: not
    std::size_t trying_ = 0;             ///< destinations
    clock::time_point last_log_{};
};

}  // namespace spead2::send::detail
