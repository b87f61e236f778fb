// SPDX-License-Identifier: Apache-2.0
// A stream that is busy and has one destination keeps its socket connected to that, for a second at
// a time. The kernel then looks the route up once, not with each message: of 3.6 us that 8 KiB take on
// loopback that is 0.35.
//
// Nobody is to notice. What a connection does beside that is to report that nobody listens, and to
// keep the source address that was right when it was made; so it ends with the first error, it does
// not last, and streams that send now and then have none. The source port stays.
#pragma once

#include <chrono>
#include <cstdint>

#include <spead2/net/endpoint.h>

#include "net/socket.h"

namespace spead2::send::detail {

class udp_connection {
public:
    /// \param fd        outlives this
    /// \param possible  whether there is one destination, and the socket is nobody else's
    udp_connection(const unique_fd& fd, bool possible) noexcept;

    /// Before each turn of sending to \a to.
    void renew(const endpoint& to) noexcept {
        if (possible_ && --turns_left_ == 0) look(to);
    }
    /// Whether messages need no destination.
    [[nodiscard]] bool is_made() const noexcept { return made_; }
    /// A message was refused, or the destination is another one. \return whether there was a connection
    bool end() noexcept;

private:
    using clock = std::chrono::steady_clock;

    void look(const endpoint& to) noexcept;

    /// As many turns in less than the interval are what a busy stream has.
    static constexpr std::uint32_t turns = 256;
    static constexpr std::chrono::seconds interval{1};

    const int fd_;
    const bool possible_;
    bool made_ = false;
    std::uint32_t turns_left_ = 1;
    clock::time_point looked_{};  ///< when the turns began
    clock::time_point made_at_{};
};

}  // namespace spead2::send::detail
