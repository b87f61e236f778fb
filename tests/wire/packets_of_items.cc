// SPDX-License-Identifier: Apache-2.0
// Packets of heaps of many items, meant to run under AddressSanitizer: each value has memory of
// exactly its length, and each packet room for exactly what it takes. Made one after another, in
// runs, and kept, packets must be the same. Descriptors and streams are left to the other tests.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include <spead2/send/heap.h>
#include <spead2/wire/protocol.h>

#include "../expect.h"
#include "send/packets/packet_batch.h"
#include "send/packets/packetiser.h"
#include "send/packets/premade_packets.h"

namespace {

using namespace spead2;
using namespace spead2::send;
using bytes = std::vector<std::uint8_t>;

constexpr std::uint64_t cnt = 0x123456;

/// A heap, and what its packets must hold together.
struct sample {
    std::shared_ptr<const heap_contents> contents;
    bytes payload;
    bytes pointers;
};

sample make_sample(std::mt19937& random, std::size_t count) {
    sample result;
    heap h;
    const std::uint64_t address_bits = 40;
    const auto add_pointer = [&](bool immediate, std::uint64_t id, std::uint64_t value) {
        const std::uint64_t pointer = (std::uint64_t{immediate} << 63) | id << address_bits | value;
        for (int shift = 56; shift >= 0; shift -= 8)
            result.pointers.push_back(static_cast<std::uint8_t>(pointer >> shift));
    };
    const std::size_t longest[] = {8, 70, 70, 300, 300, 3000, 20000};
    const std::size_t most = longest[random() % std::size(longest)];
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t id = 0x1000 + i;
        const std::size_t length = random() % 8 == 0 ? most : random() % (most + 1);
        const auto kind = random() % 8;
        if (kind == 0) {
            h.add_immediate(id, i);
            add_pointer(true, id, i);
            continue;
        }
        // (Not a vector: that might have memory to spare.)
        std::shared_ptr<std::uint8_t[]> value(new std::uint8_t[length]);
        std::uint64_t number = 0;
        for (std::size_t k = 0; k < length; ++k) {
            value[k] = static_cast<std::uint8_t>(random());
            number = number << 8 | value[k];
        }
        const std::uint8_t* const data = value.get();
        const bool immediate = kind == 1 && length <= 5;
        h.add_item(id, std::move(value), data, length, immediate);
        add_pointer(immediate, id, immediate ? number : result.payload.size());
        if (!immediate) result.payload.insert(result.payload.end(), data, data + length);
    }
    result.contents = h.contents();
    return result;
}

bytes gathered(const packet_span& from, const packet& p) {
    bytes result;
    for (std::size_t i = p.first_iov; i < p.first_iov + p.n_iov; ++i) {
        const auto* const data = static_cast<const std::uint8_t*>(from.iovs[i].iov_base);
        result.insert(result.end(), data, data + from.iovs[i].iov_len);
    }
    EXPECT(result.size() == p.size);
    return result;
}

/// Room for just one packet that was made already.
packet_batch::room room_of(const packet_span& from, const heap_contents& contents) {
    const packet& p = from.packets.front();
    packet_batch::room result{1, 0, p.n_iov};
    for (std::size_t i = p.first_iov; i < p.first_iov + p.n_iov; ++i) {
        const auto* const data = static_cast<const std::uint8_t*>(from.iovs[i].iov_base);
        const bool referenced = std::any_of(
            contents.items().begin(), contents.items().end(),
            [&](const heap_item& x) { return data >= x.data && data < x.data + x.length; });
        if (!referenced) result.bytes += from.iovs[i].iov_len;
    }
    return result;
}

std::uint64_t number_at(const bytes& packet, std::size_t at, std::size_t width) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value = value << 8 | packet[at + i];
    return value;
}

std::vector<bytes> one_by_one(const sample& s, std::size_t size) {
    std::vector<bytes> result;
    packetiser packets(s.contents, cnt, size);
    packetiser again(s.contents, cnt, size);
    packet_batch batch(1, size);
    while (!packets.done()) {
        batch.clear();
        EXPECT(packets.next_size() == again.next(batch, 0));
        result.push_back(gathered(batch.from(0), batch.from(0).packets.front()));
        packet_batch exact(room_of(batch.from(0), *s.contents));
        packets.next(exact, 0);
        EXPECT(gathered(exact.from(0), exact.from(0).packets.front()) == result.back());
    }
    return result;
}

void check_bytes(const sample& s, const std::vector<bytes>& packets) {
    bytes payload;
    bytes pointers;
    for (const bytes& p : packets) {
        const std::size_t fixed = 8 + 8 * number_at(p, 6, 2);
        EXPECT(number_at(p, 8, 8) == (std::uint64_t{0x800001} << 40 | cnt));
        EXPECT(number_at(p, 27, 5) == payload.size());
        EXPECT(number_at(p, 35, 5) == p.size() - fixed);
        pointers.insert(pointers.end(), p.begin() + prefix_size,
                        p.begin() + static_cast<std::ptrdiff_t>(fixed));
        payload.insert(payload.end(), p.begin() + static_cast<std::ptrdiff_t>(fixed), p.end());
    }
    // What was added is padding, which a NULL pointer announces.
    EXPECT(payload.size() >= s.payload.size() && pointers.size() >= s.pointers.size());
    EXPECT((payload.size() > s.payload.size()) == (pointers.size() > s.pointers.size()));
    EXPECT(std::count(payload.begin() + static_cast<std::ptrdiff_t>(s.payload.size()),
                      payload.end(),
                      0) == static_cast<std::ptrdiff_t>(payload.size() - s.payload.size()));
    payload.resize(s.payload.size());
    pointers.resize(s.pointers.size());
    EXPECT(payload == s.payload);
    EXPECT(pointers == s.pointers);
}

void check_runs(const sample& s, std::size_t size, const std::vector<bytes>& expected,
                std::mt19937& random) {
    packetiser packets(s.contents, cnt, size);
    packet_batch batch(1 + random() % 64, size);
    std::size_t made = 0;
    while (!packets.done()) {
        if (!batch.has_room()) batch.clear();
        const std::size_t before = batch.size();
        const std::size_t most = 1 + random() % 20;
        const packetiser::run run = packets.next_run(batch, 7, most);
        const packet_span from = batch.from(before);
        EXPECT(run.count >= 1 && run.count <= most && run.count == from.packets.size());
        for (const packet& p : from.packets) {
            EXPECT(p.size == run.size && p.substream == 7);
            EXPECT(made < expected.size() && gathered(from, p) == expected[made]);
            ++made;
        }
    }
    EXPECT(made == expected.size());
}

/// Those that need only one packet are made in another way.
void check_kept(const sample& s, std::size_t size, const std::vector<bytes>& expected) {
    const auto kept = premade_packets::make({{s.contents, 0}, {s.contents, 0}}, size);
    if (kept == nullptr) return;
    EXPECT(kept->acquire());
    const packet_span from = kept->renew(0, 2, cnt, 0);
    EXPECT(expected.size() == 1);
    for (const packet& p : from.packets) EXPECT(gathered(from, p) == expected.front());
    kept->release();
}

}  // namespace

int main() {
    std::mt19937 random(1);
    const std::size_t sizes[] = {56, 64, 72, 296, 304, 312, 1472, 8972, 65507};
    for (int i = 0; i < 300; ++i) {
        const std::size_t most = i % 10 == 0 ? 1300 : 40;
        const sample s = make_sample(random, random() % most);
        for (const std::size_t size : sizes) {
            if (size < 300 && s.payload.size() > 100000) continue;  // (too many to look at)
            const std::vector<bytes> packets = one_by_one(s, size);
            check_bytes(s, packets);
            check_runs(s, size, packets, random);
            check_kept(s, size, packets);
        }
    }
    if (failures == 0) std::puts("all held");
    return failures == 0 ? 0 : 1;
}
