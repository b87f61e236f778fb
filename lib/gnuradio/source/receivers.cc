// SPDX-License-Identifier: GPL-3.0-or-later
#include <gnuradio/spead2/receivers.h>

#include <utility>

#include <spead2/net/endpoint.h>
#include <spead2/runtime/thread_pool.h>

namespace gr::spead2 {
namespace {

template <typename Reader, typename Options>
receiver open(const std::string& host, int port, Options options,
              const engine::recv::stream_config& config,
              const engine::recv::ring_stream_config& ring) {
    options.address = engine::endpoint::resolve(host.empty() ? "0.0.0.0" : host, port);
    auto stream = std::make_shared<engine::recv::ring_stream>(
        std::make_shared<engine::thread_pool>(), config, ring);
    stream->add_reader<Reader>(options);
    return stream;
}

}  // namespace

engine::recv::stream_config default_receive_config() {
    return engine::recv::stream_config().set_allow_out_of_order(true);
}

engine::recv::ring_stream_config default_ring_config() {
    return engine::recv::ring_stream_config().set_heaps(ring_heaps);
}

receiver udp_receiver(const std::string& host, int port, engine::recv::udp_reader_options options,
                      const engine::recv::stream_config& config,
                      const engine::recv::ring_stream_config& ring) {
    return open<engine::recv::udp_reader>(host, port, std::move(options), config, ring);
}

receiver tcp_receiver(const std::string& host, int port, engine::recv::tcp_reader_options options,
                      const engine::recv::stream_config& config,
                      const engine::recv::ring_stream_config& ring) {
    return open<engine::recv::tcp_reader>(host, port, std::move(options), config, ring);
}

}  // namespace gr::spead2
