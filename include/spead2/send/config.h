// SPDX-License-Identifier: Apache-2.0
// How a stream sends: packet size, queue bound and rate.
#pragma once

#include <cstddef>
#include <cstdint>

#include <spead2/base/options.h>

namespace spead2::send {

/// Who keeps the rate.
enum class rate_method : std::uint8_t {
    sw,        ///< the stream
    hw,        ///< the device where it can, else the stream
    automatic  ///< the implementation chooses; at present the stream
};

/// What each option is for is said in options(). Values are checked when set; setters throw
/// std::invalid_argument that names value and limit and leave the configuration as it was.
class stream_config {
public:
    static constexpr std::size_t default_max_packet_size = 1472;
    static constexpr std::size_t default_max_heaps = 4;
    static constexpr std::size_t default_burst_size = 65536;
    static constexpr double default_burst_rate_ratio = 1.05;
    static constexpr std::size_t default_turn_packets = 1;
    static constexpr rate_method default_rate_method = rate_method::automatic;

    [[nodiscard]] std::size_t max_packet_size() const noexcept { return max_packet_size_; }
    stream_config& set_max_packet_size(std::size_t bytes);

    [[nodiscard]] double rate() const noexcept { return rate_; }
    stream_config& set_rate(double bytes_per_second);

    [[nodiscard]] std::size_t burst_size() const noexcept { return burst_size_; }
    stream_config& set_burst_size(std::size_t bytes);

    [[nodiscard]] std::size_t max_heaps() const noexcept { return max_heaps_; }
    stream_config& set_max_heaps(std::size_t heaps);

    [[nodiscard]] double burst_rate_ratio() const noexcept { return burst_rate_ratio_; }
    stream_config& set_burst_rate_ratio(double ratio);

    [[nodiscard]] std::size_t turn_packets() const noexcept { return turn_packets_; }
    stream_config& set_turn_packets(std::size_t packets);

    [[nodiscard]] rate_method get_rate_method() const noexcept { return rate_method_; }
    stream_config& set_rate_method(rate_method method);

    /// rate() x burst_rate_ratio(), bytes per second.
    [[nodiscard]] double burst_rate() const noexcept { return rate_ * burst_rate_ratio_; }

    static constexpr auto options() {
        using self = stream_config;
        return std::tuple{
            option("max_packet_size", &self::max_packet_size, &self::set_max_packet_size,
                   "Bytes of the largest packet (payload of UDP); at least 56 when used."),
            option("rate", &self::rate, &self::set_rate,
                   "Target rate in bytes per second, counting whole packets; 0: as fast as "
                   "possible."),
            option("burst_size", &self::burst_size, &self::set_burst_size,
                   "Bytes that go in a row without pacing between them."),
            option("max_heaps", &self::max_heaps, &self::set_max_heaps,
                   "Most heaps in the queue, those being sent included; at least 1."),
            option("burst_rate_ratio", &self::burst_rate_ratio, &self::set_burst_rate_ratio,
                   "Rate while catching up after a delay, as a ratio to `rate`; finite, at least "
                   "1."),
            option("rate_method", &self::get_rate_method, &self::set_rate_method,
                   "Who keeps the rate."),
            option(
                "turn_packets", &self::turn_packets, &self::set_turn_packets,
                "Packets that a heap of a group sends in its turn, with GroupMode.ROUND_ROBIN; "
                "at least 1. More than one lets packets to one destination go as one message "
                "where substreams take turns; receivers, and the switch before them, then get "
                "so many in a row at the speed of the link. A sink of GNU Radio sends heap after "
                "heap, each whole, so it has no turns."),
        };
    }

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
