// SPDX-License-Identifier: Apache-2.0
// Drives one of the engine's hot paths a given number of times, for profilers and for counting
// instructions; without a clock in it, so that every run is the same. What is measured against
// others is in cases.py.
//
// Usage: hot_path CASE REPETITIONS [PORT...]
// Without ports the packets go to a transport that takes everything and does nothing, which leaves
// the cost of the engine itself. Prints one line of JSON: heaps and packets sent, seconds taken.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <spead2/net/endpoint.h>
#include <spead2/runtime/thread_pool.h>
#include <spead2/send/config.h>
#include <spead2/send/heap.h>
#include <spead2/send/stream.h>
#include <spead2/send/transport.h>
#include <spead2/send/transports/udp.h>

namespace {

using spead2::send::group_mode;
using spead2::send::heap;
using spead2::send::heap_list;
using spead2::send::heap_reference;
using spead2::send::stream;
using spead2::send::stream_config;

class null_transport final : public spead2::send::transport {
public:
    explicit null_transport(std::size_t substreams) : substreams_(substreams) {}
    [[nodiscard]] std::size_t num_substreams() const noexcept override { return substreams_; }
    [[nodiscard]] spead2::send::send_result send(
        spead2::send::packet_span packets) noexcept override {
        const std::size_t n = packets.packets.size();
        return {.accepted = n, .released = n, .failed = 0, .error = {}};
    }
    [[nodiscard]] std::string describe() const override { return "null"; }

private:
    std::size_t substreams_;
};

struct parameters {
    std::size_t packet_size;
    std::size_t heap_size;
    std::size_t heaps;       // a group
    std::size_t substreams;  // needed
    std::size_t items;       // a heap
    group_mode mode;
    double rate;  // bytes per second
    bool group;   // else one blocking call a heap
    bool premade = false;
    unsigned threads = 1;   // with a stream each
    std::size_t ranks = 0;  // not 0: heap_size is one rank's part of a heap of so many
    std::size_t turn_packets = 1;
};

const std::map<std::string, parameters> cases = {
    {"heaps-1472", {1472, 4U << 20, 4, 1, 1, group_mode::serial, 0, true}},
    {"heaps-8972", {8972, 4U << 20, 4, 1, 1, group_mode::serial, 0, true}},
    {"groups", {1472, 1024, 256, 1, 1, group_mode::serial, 0, true}},
    {"premade", {1472, 1024, 256, 1, 1, group_mode::serial, 0, true, true}},
    {"blocking", {8972, 8192, 1, 1, 1, group_mode::serial, 0, false}},
    {"items", {8972, 8000, 256, 1, 1000, group_mode::serial, 0, true}},
    {"paced", {1472, 4U << 20, 4, 1, 1, group_mode::serial, 1e15, true}},
    {"substreams-1472", {1472, 8192, 64, 64, 1, group_mode::round_robin, 0, true}},
    {"turns", {1472, 8192, 64, 64, 1, group_mode::round_robin, 0, true, false, 1, 0, 3}},
    {"substreams-8972", {8972, 8192, 64, 64, 1, group_mode::round_robin, 0, true}},
    // Does the cost of a packet grow with the number of threads, heaps, substreams or items?
    {"threads:1", {8972, 1U << 20, 16, 1, 1, group_mode::serial, 0, true, false, 1}},
    {"threads:2", {8972, 1U << 20, 16, 1, 1, group_mode::serial, 0, true, false, 2}},
    {"threads:4", {8972, 1U << 20, 16, 1, 1, group_mode::serial, 0, true, false, 4}},
    {"threads:8", {8972, 1U << 20, 16, 1, 1, group_mode::serial, 0, true, false, 8}},
    {"heaps:1", {8972, 4U << 20, 1, 1, 1, group_mode::serial, 0, true}},
    {"heaps:16", {8972, 4U << 20, 16, 1, 1, group_mode::serial, 0, true}},
    {"heaps:256", {8972, 4U << 20, 256, 1, 1, group_mode::serial, 0, true}},
    {"heaps:4096", {8972, 4U << 20, 4096, 1, 1, group_mode::serial, 0, true}},
    {"substreams:1", {8972, 65536, 1024, 1, 1, group_mode::round_robin, 0, true}},
    {"substreams:16", {8972, 65536, 1024, 16, 1, group_mode::round_robin, 0, true}},
    {"substreams:128", {8972, 65536, 1024, 128, 1, group_mode::round_robin, 0, true}},
    {"substreams:1024", {8972, 65536, 1024, 1024, 1, group_mode::round_robin, 0, true}},
    {"items:1", {8972, 64, 16, 1, 1, group_mode::serial, 0, true}},
    {"items:10", {8972, 640, 16, 1, 10, group_mode::serial, 0, true}},
    {"items:100", {8972, 6400, 16, 1, 100, group_mode::serial, 0, true}},
    {"items:1000", {8972, 64000, 16, 1, 1000, group_mode::serial, 0, true}},
    {"ranks:1", {8972, 1U << 20, 16, 1, 1, group_mode::serial, 0, true, false, 1, 1}},
    {"ranks:16", {8972, 1U << 20, 16, 1, 1, group_mode::serial, 0, true, false, 1, 16}},
    {"ranks:128", {8972, 1U << 20, 16, 1, 1, group_mode::serial, 0, true, false, 1, 128}},
    {"ranks:1024", {8972, 1U << 20, 16, 1, 1, group_mode::serial, 0, true, false, 1, 1024}},
};

/// The part of the rank in the middle, of an item that is split among all.
heap make_part(std::span<const std::uint8_t> data, std::size_t ranks) {
    heap result;
    result.set_part(spead2::send::part_pointers::first);
    const spead2::send::axis_share share =
        spead2::send::share_of_axis(ranks * data.size(), ranks / 2, ranks);
    const spead2::send::item_blocks held{data.data(), share.first, share.count};
    result.add_item_part(0x1000, ranks * data.size(), {&held, 1});
    return result;
}

heap make_heap(std::span<const std::uint8_t> data, std::size_t items, std::size_t ranks) {
    if (ranks != 0) return make_part(data, ranks);
    heap result;
    const std::size_t length = data.size() / items;
    for (std::size_t i = 0; i < items; i++)
        result.add_item(0x1000 + i, data.data() + i * length, length, false);
    return result;
}

/// One thread's part. \return bytes sent
std::uint64_t send(const parameters& p, std::size_t repetitions,
                   const std::vector<std::uint16_t>& ports) {
    std::unique_ptr<spead2::send::transport> carrier;
    if (ports.empty()) {
        carrier = std::make_unique<null_transport>(p.substreams);
    } else {
        if (ports.size() < p.substreams) throw std::invalid_argument("more ports are needed");
        spead2::send::udp_options options;
        for (std::size_t i = 0; i < p.substreams; i++)
            options.endpoints.push_back(spead2::endpoint::resolve("127.0.0.1", ports[i]));
        carrier = std::make_unique<spead2::send::udp_transport>(options);
    }
    stream_config config;
    config.set_max_packet_size(p.packet_size).set_max_heaps(p.heaps).set_rate(p.rate);
    config.set_turn_packets(p.turn_packets);
    stream s(std::make_shared<spead2::thread_pool>(1), config, std::move(carrier));

    // Big heaps are of the same memory, small ones differ, as in cases.py.
    const bool same = p.heap_size > 1U << 14;
    const std::vector<std::uint8_t> data(p.heap_size * (same ? 1 : p.heaps), 1);
    std::vector<heap_reference> references;
    for (std::size_t i = 0; i < p.heaps; i++) {
        const heap h = make_heap(std::span(data).subspan(same ? 0 : i * p.heap_size, p.heap_size),
                                 p.items, p.ranks);
        references.push_back({.contents = h.contents(), .substream_index = i % p.substreams});
    }
    const heap one = make_heap(std::span(data).first(p.heap_size), p.items, p.ranks);

    heap_list list;  // keeps its packets
    if (p.premade)
        for (const heap_reference& r : references) list.add(r);

    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < repetitions; i++)
        bytes += p.premade ? s.send_heaps(list, p.mode)
                 : p.group ? s.send_heaps(references, p.mode)
                           : s.send_heap(one);
    return bytes;
}

void run(const parameters& p, std::size_t repetitions, const std::vector<std::uint16_t>& ports) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::future<std::uint64_t>> others;
    for (unsigned i = 1; i < p.threads; i++)
        others.push_back(
            std::async(std::launch::async, [&] { return send(p, repetitions, ports); }));
    std::uint64_t bytes = send(p, repetitions, ports);
    for (std::future<std::uint64_t>& other : others) bytes += other.get();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf(
        "{\"heaps\": %zu, \"bytes\": %llu, \"seconds\": %.6g, \"bytes_per_second\": %.6g}\n",
        repetitions * p.heaps * p.threads, static_cast<unsigned long long>(bytes), took.count(),
        static_cast<double>(bytes) / took.count());
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc < 3 || !cases.contains(argv[1])) {
            std::fprintf(stderr, "usage: hot_path CASE REPETITIONS [PORT...]; cases:");
            for (const auto& [name, unused] : cases) std::fprintf(stderr, " %s", name.c_str());
            std::fprintf(stderr, "\n");
            return 2;
        }
        std::vector<std::uint16_t> ports;
        for (int i = 3; i < argc; i++)
            ports.push_back(static_cast<std::uint16_t>(std::stoul(argv[i])));
        run(cases.at(argv[1]), std::stoul(argv[2]), ports);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "hot_path: %s\n", e.what());
        return 1;
    }
    return 0;
}
