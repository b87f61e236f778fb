// SPDX-License-Identifier: Apache-2.0
// What a transport says of itself to faces, which have it from there and do not name it again.
#pragma once

#include <cstddef>

#include <spead2/send/config.h>

namespace spead2::send {

/// Each transport has one, as its static member `info`.
struct transport_info {
    const char* name;    ///< in programs: "udp"
    const char* stream;  ///< class of Python's streams over it: "UdpStream"
    const char* label;   ///< where people choose: "UDP"
    const char* text;    ///< what a stream over it is; the first line is a summary
    /// Packets as large as it likes them. What a stream_config does not say is for datagrams.
    std::size_t packet_size = stream_config::default_max_packet_size;
    std::size_t largest_packet = 0;  ///< bytes; 0: any
    bool one_endpoint = false;       ///< it has one peer; all addresses of that are of use to it
};

}  // namespace spead2::send
