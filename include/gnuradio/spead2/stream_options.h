// SPDX-License-Identifier: GPL-3.0-or-later
// How the sinks that make their own stream send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gnuradio/spead2/api.h>

namespace gr::spead2 {

/// (host, port) of each substream.
using endpoint_list = std::vector<std::pair<std::string, int>>;

struct SPEAD2_GR_API udp_stream_options {
    std::size_t max_packet_size = 1472;    ///< bytes of UDP payload; 8972 for jumbo frames
    double rate = 0;                       ///< bytes of packets per second; 0: as fast as possible
    std::optional<int> ttl{};              ///< multicast hop limit; all endpoints must be multicast
    std::string interface_address{};       ///< local address to send from
    std::size_t buffer_size = 512 * 1024;  ///< bytes of socket buffer; 0: the system's
    std::size_t max_heaps = 16;            ///< heaps in the queue
};

struct SPEAD2_GR_API tcp_stream_options {
    std::size_t max_packet_size = 65536;
    double rate = 0;
    std::string interface_address{};
    std::size_t buffer_size = 208 * 1024;
    std::size_t max_heaps = 16;
};

struct SPEAD2_GR_API ibv_stream_options {
    std::size_t max_packet_size = 1472;
    double rate = 0;
    int ttl = 1;                           ///< multicast hop limit
    std::size_t buffer_size = 512 * 1024;  ///< bytes of packets in flight
    int comp_vector = 0;                   ///< completion interrupt; negative: poll all the time
    int max_poll = 10;                     ///< polls in a row before waiting
    std::size_t max_heaps = 16;
};

}  // namespace gr::spead2
