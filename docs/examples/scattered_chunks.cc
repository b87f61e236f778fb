// SPDX-License-Identifier: Apache-2.0
// Receives big-endian 16-bit samples over TCP into chunks in huge pages, in the machine's byte order:
// scattered_chunks PORT. Prints the sum of the samples of each chunk.
#include <sys/mman.h>

#include <bit>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include <spead2/base/errors.h>
#include <spead2/recv/chunk_stream.h>
#include <spead2/recv/readers/tcp.h>

namespace {

constexpr std::size_t heap_size = 4096, heaps_a_chunk = 512;
constexpr std::uint64_t time_id = 0x1600;

/// A chunk is a class of one's own with memory of one's own.
class huge_chunk final : public spead2::recv::chunk {
public:
    huge_chunk() {
        constexpr int ordinary = MAP_PRIVATE | MAP_ANONYMOUS;
        for (const int flags : {ordinary | MAP_HUGETLB, ordinary}) {  // there may be no huge pages
            memory_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
            if (memory_ != MAP_FAILED) break;
        }
        if (memory_ == MAP_FAILED) throw std::bad_alloc();
        data = {static_cast<std::uint8_t*>(memory_), size};
        present = flags_;
    }
    ~huge_chunk() override { ::munmap(memory_, size); }

private:
    static constexpr std::size_t size = heap_size * heaps_a_chunk;  // 2 MiB: one huge page
    void* memory_ = MAP_FAILED;
    std::uint8_t flags_[heaps_a_chunk] = {};
};

/// Takes the place of the copy: \a heap is where the heap's first byte goes. A heap may be cut into
/// packets anywhere, also within a sample.
void swap_samples(std::uint8_t* heap, const spead2::packet_view& packet) {
    const auto length = static_cast<std::uint64_t>(packet.heap_length);
    for (std::uint64_t i = 0; i < packet.payload_length; ++i) {
        const std::uint64_t at = packet.payload_offset + i;
        const std::uint64_t to = std::endian::native == std::endian::little ? at ^ 1 : at;
        if (to < length) heap[to] = packet.payload[i];  // an odd length would be too short for it
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: scattered_chunks PORT\n");
        return 2;
    }
    using namespace spead2::recv;
    const auto data = std::make_shared<chunk_ring>(2);
    const auto free = std::make_shared<chunk_ring>(4);
    chunk_ring_stream stream(std::make_shared<spead2::thread_pool>(1),
                             stream_config().set_scatter(swap_samples),
                             chunk_stream_config().set_items({time_id}).set_place(
                                 placement_rule{.heap_size = heap_size,
                                                .time_per_chunk = heaps_a_chunk,
                                                .time_per_heap = 1,
                                                .axes = {}}),
                             data, free);
    for (int i = 0; i < 4; ++i) {
        std::unique_ptr<chunk> made = std::make_unique<huge_chunk>();
        stream.add_free_chunk(made);
    }
    tcp_reader_options source;
    source.address = spead2::endpoint::resolve("0.0.0.0", std::stoi(argv[1]));
    stream.add_reader<tcp_reader>(source);
    try {
        for (;;) {
            std::unique_ptr<chunk> got = *data->pop();
            std::int64_t sum = 0;
            for (std::size_t i = 0; i < heaps_a_chunk; ++i) {
                if (got->present[i] == 0) continue;
                std::int16_t samples[heap_size / 2];
                std::memcpy(samples, got->data.data() + i * heap_size, heap_size);
                for (const std::int16_t sample : samples) sum += sample;
            }
            std::printf("chunk %" PRId64 ": %" PRId64 "\n", got->chunk_id, sum);
            stream.add_free_chunk(got);
        }
    } catch (const spead2::stopped_error&) {
        return 0;
    }
}
