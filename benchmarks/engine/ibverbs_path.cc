// SPDX-License-Identifier: Apache-2.0
// Receives through ibverbs until so many heaps are there, for counting instructions: frames of the
// software verbs device's capture (SOFTVERBS_REPLAY).
//
// Usage: ibverbs_path GROUP PORT HEAPS; prints one line of JSON: heaps, bytes of payload.
#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>

#include <spead2/recv/readers/udp_ibv.h>
#include <spead2/recv/stream.h>

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: ibverbs_path GROUP PORT HEAPS\n");
        return 2;
    }
    using namespace spead2::recv;
    try {
        ring_stream stream(std::make_shared<spead2::thread_pool>(1), {},
                           ring_stream_config().set_heaps(64));
        udp_ibv_reader_options source;
        source.endpoints = {spead2::endpoint::resolve(argv[1], std::stoi(argv[2]))};
        source.interface_address = "127.0.0.1";
        stream.add_reader<udp_ibv_reader>(source);
        const std::size_t heaps = std::stoul(argv[3]);
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < heaps; ++i) bytes += stream.pop()->payload().size();
        std::printf("{\"heaps\": %zu, \"bytes\": %zu}\n", heaps, bytes);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "ibverbs_path: %s\n", e.what());
        return 1;
    }
    return 0;
}
