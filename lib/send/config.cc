// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/config.h>

#include <cmath>
#include <stdexcept>
#include <string>

#include <spead2/base/text.h>

namespace spead2::send {

stream_config& stream_config::set_max_packet_size(std::size_t bytes) {
    max_packet_size_ = bytes;
    return *this;
}

stream_config& stream_config::set_rate(double bytes_per_second) {
    if (!(bytes_per_second >= 0.0) || !std::isfinite(bytes_per_second))
        throw std::invalid_argument("rate is " + to_text(bytes_per_second) +
                                    ", but must be finite and at least 0 bytes per second");
    rate_ = bytes_per_second;
    return *this;
}

stream_config& stream_config::set_burst_size(std::size_t bytes) {
    burst_size_ = bytes;
    return *this;
}

stream_config& stream_config::set_max_heaps(std::size_t heaps) {
    if (heaps == 0) throw std::invalid_argument("max_heaps is 0, but must be at least 1");
    max_heaps_ = heaps;
    return *this;
}

stream_config& stream_config::set_burst_rate_ratio(double ratio) {
    if (!(ratio >= 1.0) || !std::isfinite(ratio))
        throw std::invalid_argument("burst_rate_ratio is " + to_text(ratio) +
                                    ", but must be finite and at least 1");
    burst_rate_ratio_ = ratio;
    return *this;
}

stream_config& stream_config::set_turn_packets(std::size_t packets) {
    if (packets == 0) throw std::invalid_argument("turn_packets is 0, but must be at least 1");
    turn_packets_ = packets;
    return *this;
}

stream_config& stream_config::set_rate_method(rate_method method) {
    rate_method_ = method;
    return *this;
}

}  // namespace spead2::send
