// SPDX-License-Identifier: Apache-2.0
// The one interface between a stream and what carries its packets: "here are packets, tell me how
// many went and what failed".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include <spead2/send/packets.h>

namespace spead2::send {

/// What a transport must wait for before it can go on.
enum class wait_for : std::uint8_t {
    nothing,   ///< call again whenever there is something to send
    writable,  ///< transport::wait_fd() must become writable
    readable,  ///< transport::wait_fd() must become readable
    again,     ///< nothing to sleep on: call again soon, after other work had its turn
    pause,     ///< nothing to sleep on but time: send_result::pause
};

/// Outcome of one transport::send().
///
/// Packets are taken from the front of the span in order: \a accepted counts them, and the packet
/// structures, headers and iovecs of those are not needed any more. Their payload memory is in use
/// until they are released, in the order in which they were accepted: first \a released packets
/// that went well, then \a failed packets that did not, for the reason \a error. A transport that
/// copies or hands to the kernel releases at once (accepted == released + failed).
///
/// After a failure the stream goes on with the next packet. A transport that is beyond repair fails
/// every packet at once, rather than one a call.
struct send_result {
    static constexpr std::size_t unknown = static_cast<std::size_t>(-1);

    std::size_t accepted = 0;
    std::size_t released = 0;
    std::size_t failed = 0;
    std::error_code error;
    wait_for wait = wait_for::nothing;
    /// For wait_for::pause: call again after this. The default is how often the kernel is asked that
    /// is short of memory or room.
    std::chrono::nanoseconds pause{std::chrono::milliseconds{1}};
    /// Where all failed packets were to go. Unknown: they are the last of those accepted, so the
    /// stream knows.
    std::size_t failed_substream = unknown;
};

/// Carries packets. All calls on one object come from one thread at a time (not always the same).
class transport {
public:
    transport() = default;
    transport(const transport&) = delete;
    transport& operator=(const transport&) = delete;
    virtual ~transport() = default;

    /// Destinations; packet::substream is below this.
    [[nodiscard]] virtual std::size_t num_substreams() const noexcept = 0;

    /// Send what can be sent without blocking. An empty span asks only for releases. If the result
    /// accepts less than the whole span without an error, it says what to wait for; if it leaves
    /// accepted packets unreleased and accepts no more, too. After a wait, unaccepted packets come
    /// again, unchanged.
    [[nodiscard]] virtual send_result send(packet_span packets) noexcept = 0;

    /// Descriptor to wait on when send() says so; stays the same for the object's life. -1: none.
    [[nodiscard]] virtual int wait_fd() const noexcept { return -1; }

    /// Packets below this size are cheaper to it in one piece than gathered from several: payload that
    /// is cut up is copied beside the headers then. Stays the same for the object's life.
    [[nodiscard]] virtual std::size_t whole_below() const noexcept { return 0; }

    /// How many packets of this size go together in one message, at most: a batch of packets ends with
    /// a whole message where it can.
    [[nodiscard]] virtual std::size_t packets_together(std::size_t packet_size) const noexcept {
        static_cast<void>(packet_size);
        return 1;
    }

    /// Called once, before the first packet: the device is to keep \a bytes_per_second by itself.
    /// \return whether it does; if not, the stream paces
    [[nodiscard]] virtual bool set_hardware_rate(double bytes_per_second) {
        static_cast<void>(bytes_per_second);
        return false;
    }

    /// Give up everything accepted and not yet released: on return no such memory is in use, and
    /// those packets will not be reported any more. Packets that follow all the same may fail.
    virtual void quiesce() noexcept {}

    /// One line for people: kind and destinations, e.g. "udp 127.0.0.1:8888".
    [[nodiscard]] virtual std::string describe() const = 0;

    /// Text for people about a failed packet to \a substream: what happened, where to, and the limit
    /// if it is about one. From any thread.
    [[nodiscard]] virtual std::string explain(const std::error_code& error,
                                              std::size_t substream) const {
        std::string text = error.message() + " (sending to " + describe();
        if (num_substreams() > 1) text += ", substream " + std::to_string(substream);
        return text + ")";
    }
};

}  // namespace spead2::send
