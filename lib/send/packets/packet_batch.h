// SPDX-License-Identifier: Apache-2.0
// Packets that are ready to go: headers in one block, payload where it lies, described by iovecs in
// such an order that consecutive packets are consecutive iovecs too.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include <sys/uio.h>

#include <spead2/send/packets.h>

#include "aligned_bytes.h"

namespace spead2::send {

/// Fixed room for a number of packets; filled by packetisers, emptied by a stream.
class packet_batch {
public:
    /// Extents up to this many bytes are copied beside the header instead of getting an iovec of
    /// their own. It bounds the iovecs of a 65,507-byte packet to half of IOV_MAX.
    static constexpr std::size_t small_extent = 256;

    /// Measured: larger batches than with this no longer gain anything, and the blocks stay in the
    /// second level cache. With less, packets whose payload is copied would fill only a message or
    /// two.
    static constexpr std::size_t bytes_per_packet = 512;

    packet_batch() = default;
    /// \param max_packets  how many packets it takes at most
    /// \param max_packet_size  bytes of the largest packet
    /// \param whole_below  transport::whole_below()
    packet_batch(std::size_t max_packets, std::size_t max_packet_size, std::size_t whole_below = 0);

    /// What headers and copied payload may take with room for so many packets.
    [[nodiscard]] static constexpr std::size_t copied_bytes(std::size_t max_packets) noexcept {
        return max_packets * bytes_per_packet;
    }

    /// What packets take that are known beforehand; bytes are headers and what is copied beside them.
    struct room {
        std::size_t packets;
        std::size_t bytes;
        std::size_t iovs;
    };
    /// Room for just these; has_room() is of no use then.
    explicit packet_batch(const room& exact);

    /// Whether packets of so many bytes with so many of payload have it copied beside the header.
    [[nodiscard]] bool copies(std::size_t packet_size, std::size_t payload) const noexcept {
        return payload <= small_extent || packet_size < whole_below_;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// Packets from number \a first on.
    [[nodiscard]] packet_span from(std::size_t first) const noexcept {
        return {{packets_.get() + first, size_ - first}, iovs_.get()};
    }
    /// Whether one more packet is sure to fit.
    [[nodiscard]] bool has_room() const noexcept {
        return size_ < max_packets_ && iovs_used_ + max_packet_iovs_ <= iovs_size_ &&
               bytes_used_ + max_packet_size_ <= bytes_size_;
    }
    void clear() noexcept {
        size_ = 0;
        iovs_used_ = 0;
        bytes_used_ = 0;
    }

    // For packetisers: begin_run(), fill in what it gives, end_run().
    /// Where a run's parts go;  first_iov is the number of its first iovec.
    struct run {
        std::uint8_t* bytes;
        iovec* iovs;
        packet* packets;
        std::uint32_t first_iov;
    };
    /// How many packets fit that take \a bytes (header and what is copied) and \a n_iov iovecs each.
    [[nodiscard]] std::size_t room_for(std::size_t bytes, std::size_t n_iov) const noexcept {
        return room_for(begin_run(), max_packets_, bytes, n_iov);
    }
    /// How many of \a wanted packets fit behind \a from; if they differ, \a bytes and \a n_iov are
    /// the most that one takes. Without a division where all fit.
    [[nodiscard]] std::size_t room_for(const run& from, std::size_t wanted, std::size_t bytes,
                                       std::size_t n_iov) const noexcept {
        n_iov = std::min(n_iov, max_packet_iovs_);
        const std::size_t packets =
            max_packets_ - static_cast<std::size_t>(from.packets - packets_.get());
        const std::size_t iovs_left = iovs_size_ - from.first_iov;
        const std::size_t bytes_left =
            bytes_size_ - static_cast<std::size_t>(from.bytes - bytes_.get());
        wanted = std::min(wanted, packets);
        if (wanted * n_iov > iovs_left) wanted = iovs_left / n_iov;
        if (wanted * bytes > bytes_left) wanted = bytes_left / bytes;
        return wanted;
    }
    [[nodiscard]] run begin_run() const noexcept {
        return {bytes_.get() + bytes_used_, iovs_.get() + iovs_used_, packets_.get() + size_,
                iovs_used_};
    }
    void end_run(std::size_t count, std::size_t bytes, std::size_t n_iov) noexcept {
        size_ += count;
        iovs_used_ += static_cast<std::uint32_t>(count * n_iov);
        bytes_used_ += count * bytes;
    }
    /// The same for packets that differ: \a end is where the next ones would go.
    void end_run(const run& end) noexcept {
        size_ = static_cast<std::size_t>(end.packets - packets_.get());
        iovs_used_ = end.first_iov;
        bytes_used_ = static_cast<std::size_t>(end.bytes - bytes_.get());
    }

private:
    std::size_t max_packets_ = 0;
    std::size_t max_packet_size_ = 0;
    std::size_t max_packet_iovs_ = 0;
    std::size_t whole_below_ = 0;
    std::size_t size_ = 0;
    std::unique_ptr<packet[]> packets_;
    std::unique_ptr<iovec[]> iovs_;
    aligned_bytes bytes_;
    std::size_t iovs_size_ = 0;
    std::size_t bytes_size_ = 0;
    std::uint32_t iovs_used_ = 0;
    std::size_t bytes_used_ = 0;
};

}  // namespace spead2::send
