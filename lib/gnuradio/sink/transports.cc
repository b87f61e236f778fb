// SPDX-License-Identifier: GPL-3.0-or-later
#include <gnuradio/spead2/transports.h>

#include <stdexcept>
#include <utility>

#include <spead2/runtime/thread_pool.h>

namespace gr::spead2 {
namespace {

/// A stream with a thread of its own, which has to live as long.
struct stream_with_pool {
    stream_with_pool(const engine::send::stream_config& config,
                     std::unique_ptr<engine::send::transport> carrier)
        : stream(pool, config, std::move(carrier)) {}

    std::shared_ptr<engine::thread_pool> pool = std::make_shared<engine::thread_pool>();
    engine::send::stream stream;
};

}  // namespace

engine::send::stream_config default_config(std::size_t max_packet_size) {
    return engine::send::stream_config()
        .set_max_packet_size(max_packet_size)
        .set_max_heaps(queue_heaps);
}

namespace detail {

std::vector<engine::endpoint> look_up(const endpoint_list& endpoints,
                                      const engine::send::stream_config& config,
                                      const engine::send::transport_info& info) {
    const std::size_t packet_size = config.max_packet_size() / 8 * 8;  // they are of whole 8 bytes
    if (info.largest_packet != 0 && packet_size > info.largest_packet)
        throw std::invalid_argument("max_packet_size is " +
                                    std::to_string(config.max_packet_size()) +
                                    ", but a packet of " + info.name + " has at most " +
                                    std::to_string(info.largest_packet) + " bytes");
    if (!info.one_endpoint) return engine::resolve_all(endpoints);
    if (endpoints.size() != 1)
        throw std::invalid_argument("endpoints must contain exactly one element for " +
                                    std::string(info.name) + ", but has " +
                                    std::to_string(endpoints.size()));
    return engine::resolve_every(endpoints.front().first, endpoints.front().second);
}

transport make_stream(const engine::send::stream_config& config,
                      std::unique_ptr<engine::send::transport> carrier) {
    auto both = std::make_shared<stream_with_pool>(config, std::move(carrier));
    return {both, &both->stream};
}

}  // namespace detail
}  // namespace gr::spead2
