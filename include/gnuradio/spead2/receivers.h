// SPDX-License-Identifier: GPL-3.0-or-later
// Where heaps come from, by name: what udp_receiver(), tcp_receiver(), ibv_receiver() and pcap_receiver()
// return is a stream, with a thread of its own, that one source takes heaps from. Their options are
// the engine's.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <gnuradio/spead2/api.h>

#include <spead2/recv/config.h>
#include <spead2/recv/readers/pcap.h>
#include <spead2/recv/readers/tcp.h>
#include <spead2/recv/readers/udp.h>
#include <spead2/recv/readers/udp_ibv.h>
#include <spead2/recv/stream.h>

namespace gr::spead2 {

using receiver = std::shared_ptr<engine::recv::ring_stream>;

/// Enough heaps for a flowgraph's rhythm.
inline constexpr std::size_t ring_heaps = 16;

/// The engine's defaults, but packets of a heap may come in any order.
[[nodiscard]] SPEAD2_GR_API engine::recv::stream_config default_receive_config();
[[nodiscard]] SPEAD2_GR_API engine::recv::ring_stream_config default_ring_config();

/// Receives at once: what comes before the flowgraph starts waits as far as there is room.
/// \param host  address to receive at, maybe a multicast group; empty: all of IPv4
/// \throw std::invalid_argument, std::system_error, spead2::resolve_error as the engine's readers
[[nodiscard]] SPEAD2_GR_API receiver
udp_receiver(const std::string& host, int port, engine::recv::udp_reader_options options = {},
             const engine::recv::stream_config& config = default_receive_config(),
             const engine::recv::ring_stream_config& ring = default_ring_config());

/// Takes the first connection.
[[nodiscard]] SPEAD2_GR_API receiver
tcp_receiver(const std::string& host, int port, engine::recv::tcp_reader_options options = {},
             const engine::recv::stream_config& config = default_receive_config(),
             const engine::recv::ring_stream_config& ring = default_ring_config());

/// Past the kernel. \a options names the interface.
/// \param host  an IPv4 multicast group, or the interface's address
[[nodiscard]] SPEAD2_GR_API receiver
ibv_receiver(const std::string& host, int port, engine::recv::udp_ibv_reader_options options,
             const engine::recv::stream_config& config = default_receive_config(),
             const engine::recv::ring_stream_config& ring = default_ring_config());

/// The packets of a capture file, whose end is the stream's.
/// \throw std::system_error, std::runtime_error as the engine's reader
[[nodiscard]] SPEAD2_GR_API receiver
pcap_receiver(const std::string& filename, engine::recv::pcap_reader_options options = {},
              const engine::recv::stream_config& config = default_receive_config(),
              const engine::recv::ring_stream_config& ring = default_ring_config());

}  // namespace gr::spead2
