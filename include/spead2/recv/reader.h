// SPDX-License-Identifier: Apache-2.0
// The one interface between a stream and where its packets come from: "here are bytes, tell me how
// much you take".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <spead2/base/log.h>
#include <spead2/runtime/waiter.h>
#include <spead2/wire/packet.h>

namespace spead2::recv {

class stream_core;

/// Takes packets for a stream. Only usable during reader::read(), which is called under the lock of
/// the stream; memory that packets lie in is not needed any more when a call returns.
class intake {
public:
    intake(const intake&) = delete;
    intake& operator=(const intake&) = delete;

    /// Packets from now on count as another batch.
    void begin_batch() noexcept;

    /// Datagrams back to back, one packet each, all of \a segment bytes but for the last, which may
    /// be shorter. Bad ones are logged and skipped.
    /// \return bytes taken; if not all, takes_more() is false
    [[nodiscard]] std::size_t add_datagrams(std::span<const std::uint8_t> bytes,
                                            std::size_t segment) noexcept;

    /// Datagrams that lie anywhere, one packet each. Bad ones are logged and skipped.
    /// \return how many were taken; if not all, takes_more() is false
    [[nodiscard]] std::size_t add_each(
        std::span<const std::span<const std::uint8_t>> packets) noexcept;

    /// Packets back to back, each as long as it says. Ends before one that cannot be read, and after
    /// the one with byte number \a enough.
    /// \param max_size  bytes that a packet may have
    /// \param fault     why the packet after those taken is none; not logged
    /// \return bytes taken; if less than \a enough, all are, or \a fault is set, or takes_more() is
    ///         false
    [[nodiscard]] std::size_t add_packets(std::span<const std::uint8_t> bytes, std::size_t enough,
                                          std::size_t max_size, packet_fault& fault) noexcept;

    /// False when there is no room for another heap, or the stream has ended: read() is to return
    /// and to keep the packets that were not taken for the next call.
    [[nodiscard]] bool takes_more() const noexcept;

    /// Log a message, unless there are too many a second.
    void log(log_level level, const std::string& message) noexcept;
    /// The same; the text is only made if it is wanted.
    void log_fault(packet_fault fault, std::span<const std::uint8_t> bytes) noexcept;

private:
    friend class stream_core;
    explicit intake(stream_core& core) noexcept : core_(core) {}
    stream_core& core_;
};

/// What a reader waits for.
struct read_wait {
    enum class kind : std::uint8_t {
        again,     ///< nothing: call again soon, after other work had its turn
        later,     ///< \a time
        readable,  ///< \a fd must become readable
        told,      ///< waiter::ready() of what start() was given
        ended,     ///< no packet will come any more
    };
    kind what = kind::again;
    int fd = -1;
    std::chrono::steady_clock::time_point time{};
    /// With ended: what went wrong; empty if nothing.
    std::string reason{};
};

/// Where packets come from. Its constructor gets everything ready. All calls come from one thread
/// at a time (not always the same); it is destroyed with the stream, by whoever destroys that.
class reader {
public:
    reader() = default;
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;
    virtual ~reader() = default;

    /// Packets may flow from now on. Called once, or again if it threw.
    /// \param who  to be told when read() said read_wait::kind::told; does not keep the stream
    virtual void start(std::weak_ptr<waiter> who) { static_cast<void>(who); }

    /// Hand over what is there without blocking, at most about bounded_bytes.
    [[nodiscard]] virtual read_wait read(intake& to) = 0;
    static constexpr std::size_t bounded_bytes = std::size_t{1} << 20;

    /// The stream has ended: give back what the system lent. No call follows.
    /// \return what has to stay while a worker may still be about to wait for its descriptor, or null
    [[nodiscard]] virtual std::shared_ptr<const void> close() noexcept { return nullptr; }

    /// Whether packets are lost while nobody reads, so that a full ring is worth a warning.
    [[nodiscard]] virtual bool lossy() const noexcept { return false; }

    /// One line for people: kind and source, e.g. "udp 0.0.0.0:8888".
    [[nodiscard]] virtual std::string describe() const = 0;
};

}  // namespace spead2::recv
