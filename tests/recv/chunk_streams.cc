// SPDX-License-Identifier: Apache-2.0
// Heaps in chunks: which chunk, where in it, what is marked; windows, rings that run dry or full,
// answers of place functions that do not fit, ends of all kinds.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <spead2/base/errors.h>
#include <spead2/recv/chunk_stream.h>
#include <spead2/recv/readers/buffer.h>
#include <spead2/recv/readers/inproc.h>

#include "../expect.h"
#include "chunks.h"
#include "packets.h"

namespace {

using namespace spead2::recv;
using spead2::inproc_queue;
using spead2::stopped_error;
using spead2::thread_pool;

struct rings {
    explicit rings(std::size_t n_data = 100, std::size_t n_free = 100)
        : data(std::make_shared<chunk_ring>(n_data)), free(std::make_shared<chunk_ring>(n_free)) {}
    std::shared_ptr<chunk_ring> data;
    std::shared_ptr<chunk_ring> free;

    std::unique_ptr<chunk_ring_stream> make(const chunk_stream_config& c,
                                            const stream_config& config = {}) const {
        return std::make_unique<chunk_ring_stream>(std::make_shared<thread_pool>(), config, c, data,
                                                   free);
    }
};

void add_chunks(chunk_ring_stream& s, int n) {
    for (int i = 0; i < n; ++i) {
        std::unique_ptr<chunk> c = std::make_unique<owning_chunk>();
        EXPECT(s.add_free_chunk(c));
    }
}

std::string take_all(chunk_ring& data, chunk_ring_stream* back = nullptr) {
    std::string text;
    try {
        for (;;) {
            std::unique_ptr<chunk> c = *data.pop();
            text += (text.empty() ? "" : " ") + describe(*c);
            if (back != nullptr) EXPECT(back->add_free_chunk(c));
        }
    } catch (const stopped_error&) {
        return text;
    }
}

std::string receive(const std::vector<std::uint64_t>& times, std::size_t max_chunks,
                    stream_stats* stats = nullptr) {
    const rings r;
    auto s = r.make(by_time(max_chunks));
    add_chunks(*s, 20);
    const bytes data = timed_heaps(times);
    s->add_reader<buffer_reader>(data);
    std::string text = take_all(*r.data);
    if (stats != nullptr) *stats = s->stats();
    return text;
}

void heaps_go_where_they_belong() {
    EXPECT(receive({0, 1, 2, 3, 4, 5, 6, 7, 8}, 2) == "0:1111 1:1111 2:1000");
    EXPECT(receive({3, 1}, 1) == "0:0101");
    // The first heap makes a whole window; ids are never negative.
    EXPECT(receive({21}, 3) == "3:0000 4:0000 5:0100");
    EXPECT(receive({1}, 3) == "0:0100");
    // Chunks that would never be in the window are skipped.
    EXPECT(receive({0, 40}, 2) == "0:1000 9:0000 10:1000");
    stream_stats stats(std::make_shared<stream_stat_list>());
    EXPECT(receive({0, 8, 1, 5}, 2, &stats) == "0:1000 1:0100 2:1000");
    EXPECT(stats["too_old_heaps"] == 1 && stats["rejected_heaps"] == 0);
    EXPECT(stats[stat_index::custom] == 1);
}

void heaps_of_chunks_that_left_are_too_old() {
    std::vector<bytes> packets = timed_heap(0);
    const bytes second = packets[1];
    packets.pop_back();
    for (const std::uint64_t i : {4, 8})
        for (const bytes& p : timed_heap(i)) packets.push_back(p);
    packets.push_back(second);
    const rings r;
    auto s = r.make(by_time(2));
    add_chunks(*s, 5);
    const bytes data = join(packets);
    s->add_reader<buffer_reader>(data);
    EXPECT(take_all(*r.data) == "0:0000 1:1000 2:1000");
    EXPECT(s->stats()["too_old_heaps"] == 1);
}

void packets_can_be_marked() {
    const rings r;
    chunk_stream_config c;
    c.enable_packet_presence(8).set_place([](chunk_place_data* d, std::size_t) {
        d->chunk_id = 0;
        d->heap_index = 2;
    });
    auto s = r.make(c);
    add_chunks(*s, 2);
    const bytes data = timed_heap(0)[0];
    s->add_reader<buffer_reader>(data);
    const auto got = *r.data->pop();
    EXPECT(got->present[2] == 1 && got->present[3] == 0 && got->present[0] == 0);
}

/// Heap number \a i, of the time i, in one packet.
bytes timed_packet(std::uint64_t i) {
    packet_fields f;
    f.cnt = i + 1;
    f.heap_length = heap_size;
    for (std::size_t k = 0; k < heap_size; ++k)
        f.payload.push_back(static_cast<std::uint8_t>(i + k));
    f.pointers = {spead2::flavour().address(0x1000, 0), spead2::flavour().immediate(0x1600, i)};
    return make_packet(f);
}

/// All payload of a chunk is there when the chunk is in the ring, while packets that came with it are
/// still to be placed.
void chunks_that_leave_are_whole() {
    for (const memcpy_method how : {memcpy_method::standard, memcpy_method::nontemporal}) {
        const rings r;
        std::string left;
        chunk_stream_config c = by_time(1);
        c.set_place([&](chunk_place_data* d, std::size_t) {
            while (const auto got = r.data->try_pop()) left += describe(**got) + " ";
            const auto time = static_cast<std::size_t>(d->items[0]);
            d->chunk_id = static_cast<std::int64_t>(time / heaps_a_chunk);
            d->heap_index = time % heaps_a_chunk;
            d->heap_offset = time % heaps_a_chunk * heap_size;
        });
        auto s = r.make(c, stream_config().set_memcpy(how));
        add_chunks(*s, 4);
        bytes data;
        for (std::uint64_t i = 0; i < 3 * heaps_a_chunk + 2; ++i) {
            const bytes packet = timed_packet(i);
            data.insert(data.end(), packet.begin(), packet.end());
        }
        s->add_reader<buffer_reader>(data);
        EXPECT(take_all(*r.data) == "3:1100");
        EXPECT(left == "0:1111 1:1111 2:1111 ");
    }
}

/// Nor is anything left to be copied when packets go: each of a queue is destroyed once it was added.
void nothing_is_left_of_packets_that_go() {
    const rings r;
    auto s = r.make(by_time(1));
    add_chunks(*s, 4);
    const auto queue = std::make_shared<inproc_queue>();
    s->add_reader<inproc_reader>(queue);
    for (std::uint64_t i = 0; i < 2 * heaps_a_chunk; ++i) queue->add_packet(timed_packet(i));
    queue->stop();
    EXPECT(take_all(*r.data) == "0:1111 1:1111");
}

void extra_bytes_and_statistics_come_from_place() {
    const rings r;
    stream_config config;
    config.set_stream_id(77);
    const std::size_t mine = config.add_stat("mine");
    chunk_stream_config c;
    c.set_max_heap_extra(2)
        .set_items({0x1600, 0x9999, 1})
        .set_place([mine](chunk_place_data* d, std::size_t size) {
            d->batch_stats[mine] += size;
            d->chunk_id = d->items[0] == 3 && d->items[1] == -1 && d->items[2] == 4 ? 0 : -1;
            d->extra[0] = 5;
            d->extra[1] = 6;
            d->extra_offset = 1;
            d->extra_size = 2;
        });
    auto s = r.make(c, config);
    add_chunks(*s, 2);
    const bytes data = timed_heaps({3});
    s->add_reader<buffer_reader>(data);
    const auto got = *r.data->pop();
    EXPECT(got->stream_id == 77);
    EXPECT(got->extra[0] == 0 && got->extra[1] == 5 && got->extra[2] == 6);
    EXPECT(take_all(*r.data).empty());
    EXPECT(s->stats()["mine"] == 80);
    EXPECT(sizeof(chunk_place_data) == 80);
}

void answers_that_do_not_fit_are_refused() {
    const collected_log log;
    {
        const rings r;
        chunk_stream_config c;
        c.set_items({0x1600}).set_max_heap_extra(1).set_place([](chunk_place_data* d, std::size_t) {
            d->chunk_id = 0;
            switch (d->items[0]) {
                case 0:
                    d->heap_offset = heap_size * heaps_a_chunk - heap_size + 1;
                    break;
                case 1:
                    d->heap_offset = SIZE_MAX;
                    break;
                case 2:
                    d->heap_index = heaps_a_chunk;
                    break;
                case 3:
                    d->extra_size = 2;
                    break;
                case 4:
                    d->extra_size = 1;
                    d->extra_offset = heaps_a_chunk;
                    break;
                case 5:
                    d->chunk_id = -1;
                    break;
                default:
                    break;
            }
        });
        auto s = r.make(c);
        add_chunks(*s, 2);
        const bytes data = timed_heaps({0, 1, 2, 3, 4, 5});
        s->add_reader<buffer_reader>(data);
        const std::unique_ptr<chunk> got = *r.data->pop();
        EXPECT(std::count(got->present.begin(), got->present.end(), 0) == heaps_a_chunk);
        EXPECT(std::count(got->data.begin(), got->data.end(), 0xff) == heap_size * heaps_a_chunk);
        EXPECT(take_all(*r.data).empty());
        EXPECT(s->stats()["rejected_heaps"] == 6);
    }
    EXPECT(log.text() ==
           "WARNING heap rejected because place gave heap_offset 49, but its chunk has room "
           "for 64\n"
           "WARNING heap rejected because place gave heap_offset 18446744073709551615, but "
           "its chunk has room for 64\n"
           "WARNING heap rejected because place gave heap_index 4, but its chunk has room for "
           "4\n"
           "WARNING heap rejected because place gave extra_size 2, but its chunk has room for "
           "1\n"
           "WARNING heap rejected because place gave extra_offset 4, but its chunk has room "
           "for 4\n");
}

void rings_that_run_dry_or_full_pause_the_readers() {
    for (const std::size_t n_data : {1, 3}) {
        const rings r(n_data, 100);
        auto s = r.make(by_time(2));
        std::vector<std::uint64_t> times;
        for (std::uint64_t i = 0; i < 400; ++i) times.push_back(i);
        const bytes data = timed_heaps(times);
        s->add_reader<buffer_reader>(data);
        add_chunks(*s, 3);
        const std::string all = take_all(*r.data, s.get());
        EXPECT(std::count(all.begin(), all.end(), ':') == 100);
        EXPECT(std::count(all.begin(), all.end(), '!') == 0);
        EXPECT(std::count(all.begin(), all.end(), ' ') == 99);
        EXPECT(all.find("99:1111") != std::string::npos);
        EXPECT(s->stats()[stat_index::heaps] == 400);
        EXPECT(s->stats()[stat_index::worker_blocked] == 0);
    }
}

void a_data_ring_stops_with_its_last_stream() {
    const rings r;
    auto a = r.make(by_time(1));
    auto b = r.make(by_time(1));
    add_chunks(*a, 10);
    const bytes data = timed_heaps({0, 1, 2, 3, 4});
    a->add_reader<buffer_reader>(data);
    EXPECT(describe(**r.data->pop()) == "0:1111");
    EXPECT(describe(**r.data->pop()) == "1:1000");
    EXPECT(!r.data->stopped() && !r.free->stopped());
    auto queue = std::make_shared<inproc_queue>();
    b->add_reader<inproc_reader>(queue);
    queue->stop();
    EXPECT(take_all(*r.data).empty());
    EXPECT(!r.free->stopped());
}

void a_stop_drops_chunks() {
    const collected_log log;
    {
        const rings r;
        auto s = r.make(by_time(2));
        add_chunks(*s, 10);
        auto queue = std::make_shared<inproc_queue>();
        s->add_reader<inproc_reader>(queue);
        for (const std::uint64_t i : {0, 4})
            for (const bytes& p : timed_heap(i)) queue->add_packet(p);
        while (s->stats()[stat_index::heaps] != 2) std::this_thread::yield();
        s->stop();
        EXPECT(r.data->stopped() && r.free->stopped());
        EXPECT(take_all(*r.data).empty());
    }
    EXPECT(log.text() ==
           "INFO dropped chunk 0 due to external stop\n"
           "INFO dropped chunk 1 due to external stop\n");
}

void streams_end_while_they_wait() {
    const collected_log log;
    for (int round = 0; round < 50; ++round) {
        const rings r(1, 3);
        auto s = r.make(by_time(1 + round % 3));
        std::vector<std::uint64_t> times;
        for (std::uint64_t i = 0; i < 100; ++i) times.push_back(i);
        const bytes data = timed_heaps(times);
        s->add_reader<buffer_reader>(data);
        add_chunks(*s, 3);
        std::thread taker([&] {
            try {
                for (int i = 0; i < round; ++i) {
                    std::unique_ptr<chunk> c = *r.data->pop();
                    s->add_free_chunk(c);
                }
            } catch (const stopped_error&) {
            }
        });
        if (round % 2 == 0) s->stop();
        if (round >= 25) s->stop();
        taker.join();
        s.reset();
    }
}

void bad_configurations_are_refused() {
    const rings r;
    int refused = 0;
    const auto try_it = [&](const chunk_stream_config& c, const stream_config& config) {
        try {
            static_cast<void>(r.make(c, config));
        } catch (const std::invalid_argument&) {
            ++refused;
        }
    };
    try_it({}, {});
    stream_config taken;
    taken.add_stat("too_old_heaps");
    try_it(by_time(), taken);
    try {
        placement_rule rule;
        static_cast<void>(rule.make(0));
    } catch (const std::invalid_argument&) {
        ++refused;
    }
    EXPECT(refused == 3);
}

}  // namespace

int main() {
    heaps_go_where_they_belong();
    heaps_of_chunks_that_left_are_too_old();
    packets_can_be_marked();
    chunks_that_leave_are_whole();
    nothing_is_left_of_packets_that_go();
    extra_bytes_and_statistics_come_from_place();
    answers_that_do_not_fit_are_refused();
    rings_that_run_dry_or_full_pause_the_readers();
    a_data_ring_stops_with_its_last_stream();
    a_stop_drops_chunks();
    streams_end_while_they_wait();
    bad_configurations_are_refused();
    if (failures == 0) std::puts("all held");
    return failures == 0 ? 0 : 1;
}
