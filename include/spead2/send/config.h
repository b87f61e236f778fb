// SPDX-License-Identifier: Apache-2.0
// How a stream sends: packet size, queue bound and rate.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spead2::send {

/// Who keeps the rate.
enum class rate_method : std::uint8_t {
    sw,        ///< the stream
    hw,        ///< the device where it can, else the stream
    automatic  ///< the implementation chooses; at present the stream
};

/// Values are checked when set; setters throw std::invalid_argument that names value and limit and
/// leave the configuration as it was.
class stream_config {
public:
    static constexpr std::size_t default_max_packet_size = 1472;
    static constexpr std::size_t default_max_heaps = 4;
    static constexpr std::size_t default_burst_size = 65536;
    static constexpr double default_burst_rate_ratio = 1.05;
    static constexpr std::size_t default_turn_packets = 1;
    static constexpr rate_method default_rate_method = rate_method::automatic;

    /// Bytes of the largest packet (UDP payload). At least min_packet_size when used.
    [[nodiscard]] std::size_t max_packet_size() const noexcept { return max_packet_size_; }
    stream_config& set_max_packet_size(std::size_t bytes);

    /// Target rate in bytes of packets per second; 0 is as fast as possible.
    [[nodiscard]] double rate() const noexcept { return rate_; }
    stream_config& set_rate(double bytes_per_second);

    /// Bytes sent in a row without pacing between them.
    [[nodiscard]] std::size_t burst_size() const noexcept { return burst_size_; }
    stream_config& set_burst_size(std::size_t bytes);

    /// Most heaps in the queue, those being sent included. At least 1.
    [[nodiscard]] std::size_t max_heaps() const noexcept { return max_heaps_; }
    stream_config& set_max_heaps(std::size_t heaps);

    /// Rate while catching up, as a ratio to rate(). Finite, at least 1.
    [[nodiscard]] double burst_rate_ratio() const noexcept { return burst_rate_ratio_; }
    stream_config& set_burst_rate_ratio(double ratio);

    /// Packets that a heap of a round-robin group sends in its turn. More than one lets packets to one
    /// destination go as one message where substreams take turns; a receiver, and the switch before it,
    /// then get so many in a row at the speed of the link. Pacing counts them as any others. At least 1.
    [[nodiscard]] std::size_t turn_packets() const noexcept { return turn_packets_; }
    stream_config& set_turn_packets(std::size_t packets);

    [[nodiscard]] rate_method get_rate_method() const noexcept { return rate_method_; }
    stream_config& set_rate_method(rate_method method);

    /// rate() x burst_rate_ratio(), bytes per second.
    [[nodiscard]] double burst_rate() const noexcept { return rate_ * burst_rate_ratio_; }

private:
    std::size_t max_packet_size_ = default_max_packet_size;
    double rate_ = 0.0;
    std::size_t burst_size_ = default_burst_size;
    std::size_t max_heaps_ = default_max_heaps;
    double burst_rate_ratio_ = default_burst_rate_ratio;
    std::size_t turn_packets_ = default_turn_packets;
    rate_method rate_method_ = default_rate_method;
};

}  // namespace spead2::send
