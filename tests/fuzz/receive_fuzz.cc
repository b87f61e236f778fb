// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as packets: decoding, assembly, items and descriptors must neither touch memory that
// is not theirs nor take more than the limits allow, and a good heap afterwards must arrive.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "fuzz_input.h"

namespace {

using namespace spead2::recv;

constexpr std::size_t heap_limit = std::size_t{1} << 24;

/// Gives no more than the limit, and sees that it is asked for no more.
class bounded_allocator final : public memory_allocator {
public:
    memory allocate(std::size_t bytes, const spead2::packet_view* hint) override {
        // Storage of heaps without a length doubles.
        fuzz::require(bytes != 0 && bytes <= 2 * heap_limit);
        return memory_allocator::allocate(bytes, hint);
    }
};

void check(const heap& h) {
    std::uint64_t sum = 0;
    for (const raw_item& item : h.items()) {
        fuzz::require(item.length != 0);
        sum += item.data[0] + item.data[item.length - 1];
    }
    for (const auto& [begin, end] : h.payload_ranges())
        fuzz::require(begin <= end && end <= h.payload().size());
    sum += h.descriptors().size() + h.empty_items().size() + h.is_end_of_stream();
    volatile std::uint64_t used = sum;  // so that what was read must be read
    static_cast<void>(used);
}

/// A heap of one packet that must arrive whatever was before it, but for a heap of the same cnt.
constexpr std::uint8_t good[] = {0x53, 4,    3, 5,    0,    0,    0,    5,     //
                                 0x80, 0,    1, 0xff, 0xff, 0xff, 0xff, 0xfe,  //
                                 0x80, 0,    2, 0,    0,    0,    0,    2,     //
                                 0x80, 0,    3, 0,    0,    0,    0,    0,     //
                                 0x80, 0,    4, 0,    0,    0,    0,    2,     //
                                 0x00, 0x10, 0, 0,    0,    0,    0,    0,     //
                                 0xab, 0xcd};

bool has_cnt_of_good(std::span<const std::uint8_t> input) {
    const std::span cnt = std::span(good).subspan(11, 5);
    return std::ranges::search(input, cnt).begin() != input.end();
}

void feed(assembly& a, std::span<const std::uint8_t> bytes) {
    while (!bytes.empty() && !a.stop_seen()) {
        spead2::packet_view p;
        const auto fault = spead2::decode_packet(bytes, p);
        const auto extent = spead2::measure_packet(bytes);
        if (fault != spead2::packet_fault::none) {
            static_cast<void>(spead2::describe(fault, bytes));
            // On to the next place that packets may begin at.
            const std::size_t skipped = extent.known && extent.size <= bytes.size()
                                            ? static_cast<std::size_t>(extent.size)
                                            : std::min<std::size_t>(8, bytes.size());
            bytes = bytes.subspan(skipped);
            continue;
        }
        fuzz::require(extent.known && extent.size == p.size());
        fuzz::require(a.add(p));
        fuzz::require(a.finished().size() <= 2);
        for (const heap_ptr& h : a.finished()) check(*h);
        a.finished().clear();
        bytes = bytes.subspan(p.size());
    }
}

void run(std::span<const std::uint8_t> input) {
    if (input.empty()) return;
    static const auto allocator = std::make_shared<bounded_allocator>();
    const std::uint8_t options = input[0];
    stream_config config;
    config.set_allow_out_of_order((options & 1) != 0)
        .set_stop_on_stop_item((options & 2) != 0)
        .set_allow_unsized_heaps((options & 4) == 0)
        .set_bug_compat(options >> 3 & 7)
        .set_substreams((options & 64) != 0 ? 3 : 1)
        .set_max_heaps((options & 128) != 0 ? 2 : 4)
        .set_max_heap_size(heap_limit)
        .set_allocator(allocator);
    std::vector<std::uint64_t> stats(config.stats().size());
    log_book log;
    assembly a(config, stats.data(), log);
    feed(a, input.subspan(1));
    if (!a.stop_seen()) {
        spead2::packet_view p;
        fuzz::require(spead2::decode_packet(good, p) == spead2::packet_fault::none && a.add(p));
        fuzz::require(a.stop_seen() || !a.finished().empty() || has_cnt_of_good(input));
    }
    a.flush();
    for (const heap_ptr& h : a.finished()) check(*h);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    fuzz::no_log();
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    run({data, size});
    return 0;
}
