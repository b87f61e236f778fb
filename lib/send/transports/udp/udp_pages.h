// SPDX-License-Identifier: Apache-2.0
// The kernel has datagrams of some 8 to 16 KiB in one piece of memory, which it asks its allocator of pages
// for and gives back each time; larger ones, and those that segmentation offload may cut up, in parts of
// pages that the socket keeps. So a socket with a segment size of no less than the whole packet sends
// packets of 8 KiB in 3.2 us in place of 3.7, on loopback, and of 12 KiB in 3.35 in place of 3.9; and a
// receiver's buffer has room for more of them.
//
// Nobody is to notice: a packet is never larger than the segment size, so that it is one datagram always.
// Where the way to a destination does not allow such segments (those above its MTU, IPsec), a packet is
// refused, and the socket is as it was.
#pragma once

#include <cstddef>

#include "net/socket.h"

namespace spead2::send::detail {

class udp_pages {
public:
    /// \param fd        outlives this
    /// \param possible  whether the socket knows segments, and is nobody else's
    udp_pages(const unique_fd& fd, bool possible) noexcept : fd_(fd.get()), possible_(possible) {}

    /// Before packets are sent that are messages of their own. \param largest  bytes of one; 0: there are none
    void prepare(std::size_t largest) noexcept {
        if (largest > segment_ && largest >= least && possible_) set(largest);
    }
    /// A message of one packet was refused. \return whether it is to be sent once more, since this may
    /// have been why
    [[nodiscard]] bool end(int error) noexcept;
    /// There may be another way now.
    void try_again() noexcept { possible_ = wanted_; }
    /// Never any more.
    void disable() noexcept;

private:
    void set(std::size_t largest) noexcept;
    void give_up() noexcept;

    /// Below, the kernel's memory comes from caches of its own.
    static constexpr std::size_t least = 7600;
    /// Above, it is in parts of pages anyway.
    static constexpr std::size_t most = 16'000;
    /// Sizes that are asked for, one larger than the other.
    static constexpr int most_changes = 16;

    const int fd_;
    bool possible_;
    bool wanted_ = possible_;
    std::size_t segment_ = 0;  ///< that the socket has; 0: none
    int changes_ = 0;
};

}  // namespace spead2::send::detail
