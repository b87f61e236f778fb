// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as packets: decoding, assembly, items and descriptors must neither touch memory that
// is not theirs nor take more than the limits allow, and a good heap afterwards must arrive.
//
// With libFuzzer (clang++ -fsanitize=fuzzer -DSPEAD2_LIBFUZZER): coverage-guided, for as long as you
// like. Alone: receive_fuzz RUNS SEED FILE... changes the files at random, as a test that ends.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <spead2/base/log.h>
#include <spead2/recv/config.h>
#include <spead2/wire/packet.h>

#include "recv/assembly/assembly.h"

namespace {

using namespace spead2::recv;

constexpr std::size_t heap_limit = std::size_t{1} << 24;

/// Gives no more than the limit, and sees that it is asked for no more.
class bounded_allocator final : public memory_allocator {
public:
    memory allocate(std::size_t bytes, const spead2::packet_view* hint) override {
        // Storage of heaps without a length doubles.
        if (bytes == 0 || bytes > 2 * heap_limit) std::abort();
        return memory_allocator::allocate(bytes, hint);
    }
};

void check(const heap& h) {
    std::uint64_t sum = 0;
    for (const raw_item& item : h.items()) {
        if (item.length == 0) std::abort();
        sum += item.data[0] + item.data[item.length - 1];
    }
    for (const auto& [begin, end] : h.payload_ranges())
        if (begin > end || end > h.payload().size()) std::abort();
    sum += h.descriptors().size() + h.empty_items().size() + h.is_end_of_stream();
    volatile std::uint64_t used = sum;  // so that what was read must be read
    static_cast<void>(used);
}

/// A heap of one packet that must arrive whatever was before it.
constexpr std::uint8_t good[] = {0x53, 4,    3, 5,    0,    0,    0,    5,     //
                                 0x80, 0,    1, 0xff, 0xff, 0xff, 0xff, 0xfe,  //
                                 0x80, 0,    2, 0,    0,    0,    0,    2,     //
                                 0x80, 0,    3, 0,    0,    0,    0,    0,     //
                                 0x80, 0,    4, 0,    0,    0,    0,    2,     //
                                 0x00, 0x10, 0, 0,    0,    0,    0,    0,     //
                                 0xab, 0xcd};

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
        if (!extent.known || extent.size != p.size()) std::abort();
        if (!a.add(p)) std::abort();
        if (a.finished().size() > 2) std::abort();
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
        if (spead2::decode_packet(good, p) != spead2::packet_fault::none || !a.add(p)) std::abort();
        if (!a.stop_seen() && a.finished().empty()) std::abort();
    }
    a.flush();
    for (const heap_ptr& h : a.finished()) check(*h);
}

#ifndef SPEAD2_LIBFUZZER

using file = std::vector<std::uint8_t>;

file changed(const std::vector<file>& files, std::mt19937_64& random) {
    const auto any = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    file f = files[any(files.size())];
    for (std::size_t n = 1 + any(6); n-- > 0;) {
        if (f.size() < 2) break;
        const std::size_t at = any(f.size());
        const std::size_t size = std::min(f.size() - at, 1 + any(64));
        const auto begin = f.begin() + static_cast<std::ptrdiff_t>(at);
        switch (any(6)) {
            case 0:  // another byte
                f[at] = static_cast<std::uint8_t>(random());
                break;
            case 1:  // another bit
                f[at] ^= static_cast<std::uint8_t>(1U << any(8));
                break;
            case 2:  // cut off or cut out
                f.erase(begin, begin + static_cast<std::ptrdiff_t>(size));
                break;
            case 3: {  // twice
                const file copy(begin, begin + static_cast<std::ptrdiff_t>(size));
                f.insert(f.begin() + static_cast<std::ptrdiff_t>(any(f.size())), copy.begin(),
                         copy.end());
                break;
            }
            case 4: {  // with another file behind it
                const file& other = files[any(files.size())];
                if (!other.empty() && f.size() < 4096)
                    f.insert(f.end(), other.begin() + 1, other.end());
                break;
            }
            default:  // the extremes
                std::fill_n(begin, std::min<std::size_t>(size, 5),
                            static_cast<std::uint8_t>(random() % 2 != 0 ? 0xff : 0));
        }
    }
    return f;
}

#endif

}  // namespace

#ifdef SPEAD2_LIBFUZZER

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    spead2::set_log_sink([](spead2::log_level, const std::string&) {});
    return 0;
}
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    run({data, size});
    return 0;
}

#else

int main(int argc, char** argv) {
    if (argc < 4) {
        std::fprintf(stderr, "usage: receive_fuzz RUNS SEED FILE...\n");
        return 2;
    }
    spead2::set_log_sink([](spead2::log_level, const std::string&) {});
    std::vector<file> files;
    for (int i = 3; i < argc; ++i) {
        std::ifstream in(argv[i], std::ios::binary);
        files.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
        run(files.back());
    }
    std::mt19937_64 random(std::stoull(argv[2]));
    for (std::uint64_t n = std::stoull(argv[1]); n-- > 0;) {
        const file f = changed(files, random);
        // Of just this size, so that a byte too far is seen.
        const auto exact = std::make_unique<std::uint8_t[]>(f.size());
        if (!f.empty()) std::memcpy(exact.get(), f.data(), f.size());
        run({exact.get(), f.size()});
    }
    std::puts("all held");
    return 0;
}

#endif
