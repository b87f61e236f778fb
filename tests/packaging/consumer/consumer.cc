// SPDX-License-Identifier: Apache-2.0
// Sends one heap with one immediate item into memory and writes the packet to standard output.

#include <cstdio>
#include <memory>
#include <vector>

#include <spead2/runtime/thread_pool.h>
#include <spead2/send/config.h>
#include <spead2/send/heap.h>
#include <spead2/send/stream.h>
#include <spead2/send/transports/bytes.h>
#include <spead2/version.h>

int main() {
    auto collector = std::make_shared<spead2::send::byte_collector>();
    spead2::send::stream stream(std::make_shared<spead2::thread_pool>(),
                                spead2::send::stream_config(),
                                std::make_unique<spead2::send::bytes_transport>(collector));
    spead2::send::heap heap;
    heap.add_immediate(0x1234, 0xCAFE);
    stream.send_heap(heap, 1);

    const std::vector<std::uint8_t> sent = collector->value();
    std::fwrite(sent.data(), 1, sent.size(), stdout);
    std::fputs(SPEAD2_VERSION, stderr);
}
