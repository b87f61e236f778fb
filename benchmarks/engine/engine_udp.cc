// SPDX-License-Identifier: Apache-2.0
// The engine's UDP path without Python: groups of heaps through a stream, as often as a time holds.
// Takes the same arguments as limit/udp_limit.c, so that the two stand beside each other.
//
// Usage: engine_udp MODE PACKET_SIZE HEAP_SIZE HEAPS SECONDS PORT...
//   serial       groups of HEAPS different heaps a port one after another, to the ports in turn
//   round_robin  groups of one heap a port, packet by packet
//   packets      as round_robin, but without segmentation offload
// Prints one line of JSON.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <spead2/send/stream.h>
#include <spead2/send/transports/udp.h>

int main(int argc, char** argv) {
    using clock = std::chrono::steady_clock;
    if (argc < 7) {
        std::fprintf(stderr,
                     "usage: engine_udp serial|round_robin|packets PACKET_SIZE HEAP_SIZE HEAPS "
                     "SECONDS PORT...\n");
        return 2;
    }
    const std::string mode = argv[1];
    const std::size_t heap_size = std::strtoul(argv[3], nullptr, 10);
    const auto seconds = std::chrono::duration<double>(std::atof(argv[5]));
    spead2::send::udp_options options;
    for (int i = 6; i < argc; ++i)
        options.endpoints.push_back(spead2::endpoint::resolve("127.0.0.1", std::atoi(argv[i])));
    const std::size_t substreams = options.endpoints.size();
    // A group is all heaps, or one heap a substream.
    const std::size_t group_size =
        mode == "serial" ? substreams * std::strtoul(argv[4], nullptr, 10) : substreams;

    auto carrier = std::make_unique<spead2::send::udp_transport>(options);
    if (mode == "packets") carrier->disable_segmentation_offload();
    spead2::send::stream_config config;
    config.set_max_packet_size(std::strtoul(argv[2], nullptr, 10)).set_max_heaps(group_size);
    spead2::send::stream stream(std::make_shared<spead2::thread_pool>(1), config,
                                std::move(carrier));

    // As with the limit, each heap has memory of its own.
    std::vector<std::vector<std::uint8_t>> payloads(group_size,
                                                    std::vector<std::uint8_t>(heap_size, 1));
    std::vector<spead2::send::heap> heaps(group_size);
    std::vector<spead2::send::heap_reference> references;
    for (std::size_t i = 0; i < group_size; ++i) {
        heaps[i].add_item(0x1000, payloads[i].data(), heap_size, false);
        references.push_back({heaps[i].contents(), -1, i % substreams});
    }

    const auto order =
        mode == "serial" ? spead2::send::group_mode::serial : spead2::send::group_mode::round_robin;
    for (const auto length : {std::chrono::duration<double>(0.05), seconds}) {
        std::uint64_t bytes = 0;
        std::uint64_t groups = 0;
        const auto start = clock::now();
        const auto end = start + length;
        while (clock::now() < end) {
            bytes += stream.send_heaps(references, order);
            ++groups;
        }
        const double took = std::chrono::duration<double>(clock::now() - start).count();
        if (length == seconds)
            std::printf("{\"bytes_per_second\": %.6g, \"heaps_per_second\": %.6g}\n",
                        static_cast<double>(bytes) / took,
                        static_cast<double>(groups * group_size) / took);
    }
}
