// SPDX-License-Identifier: Apache-2.0
// Drives one of the engine's hot paths of receiving a given number of times, for profilers and for
// counting instructions; without a clock in it that matters, so that every run is the same.
//
// Usage: receive_path CASE REPETITIONS
// Packets lie in memory, and are read over and over; heaps are taken from a ring. Prints one line of
// JSON: heaps and packets received, seconds taken.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <spead2/base/errors.h>
#include <spead2/recv/reader.h>
#include <spead2/recv/stream.h>
#include <spead2/runtime/thread_pool.h>
#include <spead2/wire/flavour.h>

namespace {

using namespace spead2::recv;

enum class order : std::uint8_t {
    in_order,
    reversed,     // each packet joins the one before it
    every_other,  // ranges that do not touch, then what is between them
    interleaved,  // one packet of each heap in turn
    shuffled,     // any
};

struct parameters {
    std::size_t packet_size;
    std::size_t heap_size;
    std::size_t heaps;
    std::size_t max_heaps = 4;
    order in = order::in_order;
    std::size_t ring_heaps = 4;
};

const std::map<std::string, parameters> cases = {
    {"heaps-1472", {1472, 4U << 20, 4}},
    {"heaps-8972", {8972, 4U << 20, 4}},
    {"single", {1472, 1024, 256}},
    {"single-ring-1000", {1472, 1024, 256, 4, order::in_order, 1000}},
    // Does a packet's cost grow with what is open, or with the heap?
    {"reversed", {1472, 4U << 20, 4, 4, order::reversed}},
    {"ranges:16", {1472, 32U * 1424, 4, 4, order::every_other}},
    {"ranges:1024", {1472, 2048U * 1424, 4, 4, order::every_other}},
    {"max_heaps:4", {1472, 64U << 10, 256}},
    {"open:16", {1472, 64U << 10, 256, 16, order::interleaved}},
    {"open:256", {1472, 64U << 10, 256, 256, order::interleaved}},
    {"max_heaps:4096", {1472, 64U << 10, 256, 4096}},
    {"length:1", {1472, 512U << 10, 8}},
    {"length:8", {1472, 4U << 20, 1}},
    // Parts of a heap that several send, a packet each.
    {"parts-in-order", {1064, 10000U << 10, 2}},
    {"parts:16", {1064, 16U << 10, 2, 4, order::shuffled}},
    {"parts:10000", {1064, 10000U << 10, 2, 4, order::shuffled}},
};

using packet = std::vector<std::uint8_t>;

packet make_packet(std::uint64_t cnt, std::size_t heap_size, std::size_t offset,
                   std::size_t payload) {
    const spead2::flavour f;
    std::vector<std::uint64_t> pointers{f.immediate(spead2::heap_cnt_id, cnt),
                                        f.immediate(spead2::heap_length_id, heap_size),
                                        f.immediate(spead2::payload_offset_id, offset),
                                        f.immediate(spead2::payload_length_id, payload)};
    if (offset == 0) pointers.push_back(f.address(0x1000, 0));
    packet p{0x53, 4, 3, 5, 0, 0, 0, static_cast<std::uint8_t>(pointers.size())};
    for (const std::uint64_t pointer : pointers)
        for (int i = 7; i >= 0; --i) p.push_back(static_cast<std::uint8_t>(pointer >> 8 * i));
    p.resize(p.size() + payload, 1);
    return p;
}

packet make_packets(const parameters& c, std::size_t& n_packets) {
    std::vector<std::vector<packet>> heaps;
    for (std::size_t h = 0; h < c.heaps; ++h) {
        std::vector<packet> packets;
        for (std::size_t at = 0; at < c.heap_size;) {
            const std::size_t room = c.packet_size - 40 - (at == 0 ? 8 : 0);
            const std::size_t payload = std::min(room, c.heap_size - at);
            packets.push_back(make_packet(h + 1, c.heap_size, at, payload));
            at += payload;
        }
        if (c.in == order::reversed) std::reverse(packets.begin(), packets.end());
        if (c.in == order::every_other)
            std::stable_partition(packets.begin(), packets.end(),
                                  [i = 0](const packet&) mutable { return i++ % 2 == 0; });
        if (c.in == order::shuffled)
            std::shuffle(packets.begin(), packets.end(), std::mt19937_64(h));
        heaps.push_back(std::move(packets));
    }
    packet all;
    n_packets = 0;
    const auto add = [&](const packet& p) {
        all.insert(all.end(), p.begin(), p.end());
        ++n_packets;
    };
    if (c.in == order::interleaved) {
        for (std::size_t first = 0; first < c.heaps; first += c.max_heaps)
            for (std::size_t i = 0; i < heaps[0].size(); ++i)
                for (std::size_t h = first; h < std::min(c.heaps, first + c.max_heaps); ++h)
                    add(heaps[h][i]);
    } else {
        for (const auto& h : heaps)
            for (const packet& p : h) add(p);
    }
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

void run(const parameters& c, std::size_t repetitions) {
    std::size_t n_packets = 0;
    const packet packets = make_packets(c, n_packets);
    ring_stream s(
        std::make_shared<spead2::thread_pool>(1),
        stream_config()
            .set_max_heaps(c.max_heaps)
            .set_allow_out_of_order(c.in == order::reversed || c.in == order::every_other ||
                                    c.in == order::shuffled),
        ring_stream_config().set_heaps(c.ring_heaps));
    const auto start = std::chrono::steady_clock::now();
    s.add_reader<repeating_reader>(packets, repetitions);
    std::size_t heaps = 0;
    try {
        while (s.pop()) ++heaps;
    } catch (const spead2::stopped_error&) {
        // the end
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    const auto bytes = static_cast<double>(heaps * c.heap_size);
    std::printf(
        "{\"heaps\": %zu, \"packets\": %zu, \"seconds\": %.6g, \"bytes_per_second\": %.6g, "
        "\"heaps_per_second\": %.6g}\n",
        heaps, n_packets * repetitions, took.count(), bytes / took.count(),
        static_cast<double>(heaps) / took.count());
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 3 || !cases.contains(argv[1])) {
            std::fprintf(stderr, "usage: receive_path CASE REPETITIONS; cases:");
            for (const auto& [name, unused] : cases) std::fprintf(stderr, " %s", name.c_str());
            std::fprintf(stderr, "\n");
            return 2;
        }
        run(cases.at(argv[1]), std::stoul(argv[2]));
    } catch (const std::exception& e) {
        std::fprintf(stderr, "receive_path: %s\n", e.what());
        return 1;
    }
    return 0;
}
