// SPDX-License-Identifier: Apache-2.0
// Fills chunks from packets that lie in memory, with one stream or a group of them, for counting
// instructions and for measuring.
//
// Usage: chunk_path CASE REPETITIONS
// Heaps of 8 KiB, 1024 a chunk; a repetition is 2048 of them, which the streams of a group share. Prints
// one line of JSON: heaps and bytes of payload, seconds taken.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <spead2/base/errors.h>
#include <spead2/recv/chunk_group.h>
#include <spead2/recv/chunk_stream.h>
#include <spead2/recv/reader.h>
#include <spead2/runtime/thread_pool.h>
#include <spead2/wire/flavour.h>

namespace {

using namespace spead2::recv;

constexpr std::size_t heap_size = 8192;
constexpr std::size_t heaps_a_chunk = 1024;
constexpr std::size_t heaps_a_repetition = 2048;
constexpr std::uint64_t time_id = 0x1600;

struct parameters {
    std::size_t packet_size;
    std::size_t members = 0;  // 0: a stream that is in no group
};

const std::map<std::string, parameters> cases = {
    {"chunks-8972", {8972}}, {"chunks-1472", {1472}}, {"group:1", {8972, 1}},
    {"group:2", {8972, 2}},  {"group:4", {8972, 4}},  {"group:8", {8972, 8}},
};

using packet = std::vector<std::uint8_t>;

void add_packet(packet& all, std::uint64_t time, std::size_t offset, std::size_t payload) {
    const spead2::flavour f;
    const std::uint64_t pointers[] = {f.immediate(spead2::heap_cnt_id, time + 1),
                                      f.immediate(spead2::heap_length_id, heap_size),
                                      f.immediate(spead2::payload_offset_id, offset),
                                      f.immediate(spead2::payload_length_id, payload),
                                      f.immediate(time_id, time),
                                      f.immediate(0x4101, 3),
                                      f.address(0x4300, 0)};
    all.insert(all.end(), {0x53, 4, 3, 5, 0, 0, 0, std::size(pointers)});
    for (const std::uint64_t pointer : pointers)
        for (int i = 7; i >= 0; --i) all.push_back(static_cast<std::uint8_t>(pointer >> 8 * i));
    all.resize(all.size() + payload, 1);
}

/// Every n-th heap, from the k-th on.
packet make_packets(std::size_t packet_size, std::size_t k, std::size_t n) {
    packet all;
    const std::size_t room = packet_size - 64;
    for (std::uint64_t time = k; time < heaps_a_repetition; time += n)
        for (std::size_t at = 0; at < heap_size; at += room)
            add_packet(all, time, at, std::min(room, heap_size - at));
    return all;
}

/// Reads the same memory again and again.
class repeating_reader final : public reader {
public:
    repeating_reader(std::span<const std::uint8_t> packets, std::size_t repetitions)
        : packets_(packets), left_(repetitions) {}

    [[nodiscard]] read_wait read(intake& to) override {
        spead2::packet_fault fault;
        position_ += to.add_packets(packets_.subspan(position_), bounded_bytes, SIZE_MAX, fault);
        if (position_ == packets_.size()) {
            position_ = 0;
            if (--left_ == 0) return {.what = read_wait::kind::ended};
        }
        return {};
    }
    [[nodiscard]] std::string describe() const override { return "repeating"; }

private:
    const std::span<const std::uint8_t> packets_;
    std::size_t left_;
    std::size_t position_ = 0;
};

/// As a user's compiled one; the time goes on from one repetition to the next.
struct place_by_time {
    std::int64_t first;
    std::int64_t base = -static_cast<std::int64_t>(heaps_a_repetition);
    void operator()(chunk_place_data* d, std::size_t) {
        const std::int64_t at = d->items[0];
        if (at == first) base += heaps_a_repetition;
        const auto time = static_cast<std::uint64_t>(base + at);
        d->chunk_id = static_cast<std::int64_t>(time / heaps_a_chunk);
        d->heap_index = time % heaps_a_chunk;
        d->heap_offset = time % heaps_a_chunk * heap_size;
    }
};

class owning_chunk final : public chunk {
public:
    owning_chunk() : data_(heap_size * heaps_a_chunk), present_(heaps_a_chunk) {
        data = data_;
        present = present_;
    }

private:
    std::vector<std::uint8_t> data_;
    std::vector<std::uint8_t> present_;
};

chunk_stream_config make_config(std::size_t k) {
    chunk_stream_config config;
    config.set_items({time_id, 0x4101}).set_max_chunks(2);
    return config.set_place(place_by_time{static_cast<std::int64_t>(k)});
}

void run(const parameters& c, std::size_t repetitions) {
    const std::size_t n = std::max<std::size_t>(c.members, 1);
    std::vector<packet> packets;
    for (std::size_t k = 0; k < n; ++k) packets.push_back(make_packets(c.packet_size, k, n));
    auto data = std::make_shared<chunk_ring>(2);
    auto free = std::make_shared<chunk_ring>(8);
    for (int i = 0; i < 6; ++i) {
        std::unique_ptr<chunk> made = std::make_unique<owning_chunk>();
        free->try_push(made);
    }
    std::unique_ptr<chunk_ring_stream> stream;
    std::unique_ptr<chunk_ring_group> group;
    const auto start = std::chrono::steady_clock::now();
    if (c.members == 0) {
        stream = std::make_unique<chunk_ring_stream>(std::make_shared<spead2::thread_pool>(1),
                                                     stream_config(), make_config(0), data, free);
        stream->add_reader<repeating_reader>(packets[0], repetitions);
    } else {
        group = std::make_unique<chunk_ring_group>(
            chunk_group_config().set_max_chunks(2).set_eviction(eviction_mode::lossless), data,
            free);
        const stream_config waits = stream_config().set_explicit_start(true);
        for (std::size_t k = 0; k < n; ++k)
            group->emplace_back(std::make_shared<spead2::thread_pool>(1), waits, make_config(k))
                .add_reader<repeating_reader>(packets[k], repetitions);
        for (std::size_t k = 0; k < n; ++k) group->at(k).start();
    }
    std::size_t heaps = 0;
    try {
        for (;;) {
            std::unique_ptr<chunk> got = *data->pop();
            for (const std::uint8_t flag : got->present) heaps += flag;
            std::fill(got->present.begin(), got->present.end(), std::uint8_t{0});
            free->try_push(got);
        }
    } catch (const spead2::stopped_error&) {
        // the end
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    const auto bytes = static_cast<double>(heaps * heap_size);
    std::printf("{\"heaps\": %zu, \"seconds\": %.6g, \"bytes_per_second\": %.6g}\n", heaps,
                took.count(), bytes / took.count());
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 3 || !cases.contains(argv[1])) {
            std::fprintf(stderr, "usage: chunk_path CASE REPETITIONS; cases:");
            for (const auto& [name, unused] : cases) std::fprintf(stderr, " %s", name.c_str());
            std::fprintf(stderr, "\n");
            return 2;
        }
        run(cases.at(argv[1]), std::stoul(argv[2]));
    } catch (const std::exception& e) {
        std::fprintf(stderr, "chunk_path: %s\n", e.what());
        return 1;
    }
    return 0;
}
