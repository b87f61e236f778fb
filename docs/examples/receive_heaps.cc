// SPDX-License-Identifier: Apache-2.0
// Receives heaps over UDP and prints what is in them: receive_heaps ADDRESS PORT
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>

#include <spead2/base/errors.h>
#include <spead2/recv/readers/udp.h>
#include <spead2/recv/stream.h>

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: receive_heaps ADDRESS PORT\n");
        return 2;
    }
    using namespace spead2::recv;
    ring_stream stream(std::make_shared<spead2::thread_pool>(1),
                       stream_config().set_max_heaps(8).set_allow_out_of_order(true),
                       ring_stream_config().set_heaps(16));
    udp_reader_options source;
    source.address = spead2::endpoint::resolve(argv[1], std::stoi(argv[2]));
    stream.add_reader<udp_reader>(source);
    try {
        for (;;) {
            const heap_ptr heap = stream.pop();
            std::printf("heap %" PRIu64 "\n", heap->cnt());
            for (const raw_item& item : heap->items())
                std::printf("    item 0x%" PRIx64 ": %zu bytes\n", item.id, item.length);
        }
    } catch (const spead2::stopped_error&) {
        // A stop item has come, and all heaps were taken.
    }
    return 0;
}
