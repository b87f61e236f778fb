// SPDX-License-Identifier: Apache-2.0
// Streams that fill chunks together: what is too old, who waits for whom, and that nobody does for one
// that has ended, however it ended.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <spead2/base/errors.h>
#include <spead2/recv/chunk_group.h>
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

/// A group whose members each have a pool and a queue.
struct setup {
    setup(std::size_t members, eviction_mode mode, std::size_t max_chunks = 2,
          std::size_t n_data = 1000, int n_chunks = 100)
        : data(std::make_shared<chunk_ring>(n_data)),
          free(std::make_shared<chunk_ring>(1000)),
          group(std::make_unique<chunk_ring_group>(
              chunk_group_config().set_max_chunks(max_chunks).set_eviction(mode), data, free)) {
        for (int i = 0; i < n_chunks; ++i) {
            std::unique_ptr<chunk> c = std::make_unique<owning_chunk>();
            EXPECT(group->add_free_chunk(c));
        }
        for (std::size_t i = 0; i < members; ++i) add(by_time(max_chunks));
    }
    chunk_group_member& add(const chunk_stream_config& config) {
        pools.push_back(std::make_shared<thread_pool>());
        queues.push_back(std::make_shared<inproc_queue>());
        chunk_group_member& made = group->emplace_back(pools.back(), {}, config);
        made.add_reader<inproc_reader>(queues.back());
        return made;
    }
    void send(std::size_t member, const std::vector<std::uint64_t>& times) {
        for (const std::uint64_t i : times)
            for (const bytes& p : timed_heap(i)) queues[member]->add_packet(p);
    }
    std::uint64_t stat(std::size_t member, const char* name) {
        return group->at(member).stats()[name];
    }
    void wait_for(std::size_t member, const char* name, std::uint64_t count) {
        while (stat(member, name) < count) std::this_thread::yield();
    }
    std::string take_all() {
        std::string text;
        try {
            for (;;) {
                std::unique_ptr<chunk> c = *data->pop();
                text += (text.empty() ? "" : " ") + describe(*c);
                static_cast<void>(group->add_free_chunk(c));
            }
        } catch (const stopped_error&) {
            return text;
        }
    }
    void end() {
        for (const auto& q : queues) q->stop();
    }

    std::shared_ptr<chunk_ring> data;
    std::shared_ptr<chunk_ring> free;
    std::vector<std::shared_ptr<thread_pool>> pools;
    std::vector<std::shared_ptr<inproc_queue>> queues;
    std::unique_ptr<chunk_ring_group> group;
};

constexpr eviction_mode both[] = {eviction_mode::lossy, eviction_mode::lossless};

void members_fill_the_same_chunks() {
    for (const eviction_mode mode : both) {
        setup s(2, mode);
        s.send(0, {0, 2, 4});
        s.wait_for(0, "heaps", 3);
        s.send(1, {1, 3, 5});
        s.wait_for(1, "heaps", 3);
        s.end();
        EXPECT(s.take_all() == "0:1111 1:1100");
        EXPECT(s.group->size() == 2);
    }
}

void lossy_groups_move_on_at_once() {
    setup s(2, eviction_mode::lossy);
    s.send(1, {0, 1});
    s.wait_for(1, "heaps", 2);
    s.send(0, {4, 8});  // chunks 1 and 2: 0 has to go, whatever the other has
    EXPECT(describe(**s.data->pop()) == "0:1100");
    s.wait_for(0, "heaps", 2);
    s.send(1, {2, 9});
    s.end();
    EXPECT(s.take_all() == "1:1000 2:1100");
    EXPECT(s.stat(1, "too_old_heaps") == 1 && s.stat(0, "too_old_heaps") == 0);
}

void a_heap_whose_chunk_another_took_away_is_too_old() {
    setup s(2, eviction_mode::lossy);
    const auto packets = timed_heap(0);
    s.queues[1]->add_packet(packets[0]);
    s.wait_for(1, "packets", 1);
    s.send(0, {8});
    EXPECT(describe(**s.data->pop()) == "0:0000");
    s.queues[1]->add_packet(packets[1]);
    s.end();
    EXPECT(s.take_all() == "1:0000 2:1000");
    EXPECT(s.stat(1, "too_old_heaps") == 1);
}

void lossless_groups_wait_for_all() {
    setup s(3, eviction_mode::lossless);
    for (const std::size_t i : {0, 1, 2}) s.send(i, {i});
    for (const std::size_t i : {0, 1, 2}) s.wait_for(i, "heaps", 1);
    s.send(0, {4, 8, 12});
    s.wait_for(0, "heaps", 2);
    s.send(1, {3, 11});  // 11 has to wait, too
    s.wait_for(1, "heaps", 2);
    EXPECT(s.data->size() == 0);
    s.send(2, {5, 9, 10});
    EXPECT(describe(**s.data->pop()) == "0:1111");
    s.wait_for(1, "heaps", 3);
    s.wait_for(2, "heaps", 4);
    EXPECT(s.data->size() == 0);
    s.send(1, {13});
    s.send(2, {14});
    EXPECT(describe(**s.data->pop()) == "1:1100");
    s.end();
    EXPECT(s.take_all() == "2:1111 3:1110");
    for (const std::size_t i : {0, 1, 2}) EXPECT(s.stat(i, "too_old_heaps") == 0);
}

void nobody_waits_for_those_that_have_ended() {
    for (const bool by_pool : {false, true}) {
        setup s(3, eviction_mode::lossless);
        for (const std::size_t i : {0, 1, 2}) s.send(i, {i});
        for (const std::size_t i : {0, 1, 2}) s.wait_for(i, "heaps", 1);
        s.send(0, {4, 8, 12});
        s.wait_for(0, "heaps", 2);
        for (const std::size_t i : {1, 2}) {
            if (by_pool)
                s.pools[i]->stop();
            else
                s.queues[i]->stop();
        }
        EXPECT(describe(**s.data->pop()) == "0:1110");
        s.wait_for(0, "heaps", 4);
        s.queues[0]->stop();
        EXPECT(s.take_all() == "1:1000 2:1000 3:1000");
    }
}

void lossy_groups_move_on_without_a_member_whose_threads_have_ended() {
    setup s(2, eviction_mode::lossy);
    s.send(1, {0});
    s.wait_for(1, "heaps", 1);
    s.pools[1]->stop();
    s.send(0, {4, 8, 12});
    s.wait_for(0, "heaps", 3);
    s.queues[0]->stop();
    EXPECT(s.take_all() == "0:1000 1:1000 2:1000 3:1000");
}

void a_member_without_threads_is_none() {
    setup s(1, eviction_mode::lossless);
    auto pool = std::make_shared<thread_pool>();
    pool->stop();
    static_cast<void>(s.group->emplace_back(pool, {}, by_time()));
    s.send(0, {0, 4, 8});
    s.end();
    EXPECT(s.take_all() == "0:1000 1:1000 2:1000");
}

void a_stop_of_one_stops_all() {
    for (const eviction_mode mode : both) {
        const collected_log log;
        {
            setup s(3, mode);
            s.send(0, {0});
            s.wait_for(0, "heaps", 1);
            s.group->at(1).stop();
            EXPECT(s.data->stopped() && s.free->stopped());
            for (const std::size_t i : {0, 1, 2}) EXPECT(s.group->at(i).stopped());
            EXPECT(s.take_all().empty());
            s.group->stop();
        }
        EXPECT(log.text() == "INFO dropped chunk 0 due to external stop\n");
    }
}

void an_empty_group_stops_its_rings() {
    setup s(0, eviction_mode::lossy);
    EXPECT(!s.data->stopped());
    s.group->stop();
    EXPECT(s.data->stopped() && s.free->stopped());
}

void place_functions_may_stop_the_group() {
    // Which chunks an end drops is not what is asked here.
    spead2::set_log_sink([](spead2::log_level, const std::string&) {});
    for (const eviction_mode mode : both) {
        setup s(0, mode);
        std::atomic<int> calls{0};
        for (int i = 0; i < 4; ++i) {
            chunk_stream_config c;
            c.set_items({0x1600}).set_place([&](chunk_place_data* d, std::size_t) {
                d->chunk_id = d->items[0] / 4;
                d->heap_index = static_cast<std::size_t>(d->items[0] % 4);
                d->heap_offset = d->heap_index * heap_size;
                ++calls;
                while (calls < 4) std::this_thread::yield();  // all are in here at once
                s.group->stop();
            });
            static_cast<void>(s.add(c));
        }
        for (std::size_t i = 0; i < 4; ++i) s.send(i, {i});
        static_cast<void>(s.take_all());
        s.group->stop();
        for (std::size_t i = 0; i < 4; ++i) EXPECT(s.group->at(i).stopped());
    }
}

void what_cannot_be_added_is_refused() {
    setup s(1, eviction_mode::lossy);
    int refused = 0;
    const auto try_it = [&](const chunk_stream_config& c) {
        try {
            static_cast<void>(s.group->emplace_back(s.pools[0], {}, c));
        } catch (const std::invalid_argument&) {
            refused += 1;
        } catch (const std::logic_error&) {
            refused += 10;
        }
    };
    try_it({});
    try_it(by_time(3));
    EXPECT(refused == 2);
    s.send(0, {0});
    s.wait_for(0, "heaps", 1);
    try_it(by_time());
    EXPECT(refused == 12);
    EXPECT(s.group->size() == 1);
    s.end();
    EXPECT(s.take_all() == "0:1000");
    try {
        chunk_group_config().set_max_chunks(0);
    } catch (const std::invalid_argument&) {
        refused = 0;
    }
    EXPECT(refused == 0);
}

/// Members that get heaps in turn; few chunks, and little room.
void nothing_is_lost_without_loss() {
    constexpr std::size_t n = 4;
    constexpr std::uint64_t n_heaps = 2000;
    for (const std::size_t n_data : {1, 3}) {
        setup s(n, eviction_mode::lossless, 3, n_data, 4);
        for (std::size_t i = 0; i < n; ++i) {
            std::vector<std::uint64_t> times;
            for (std::uint64_t t = i; t < n_heaps; t += n) times.push_back(t);
            s.send(i, times);
        }
        s.end();
        const std::string all = s.take_all();
        std::string expected;
        for (std::uint64_t i = 0; i < n_heaps / heaps_a_chunk; ++i)
            expected += (i == 0 ? "" : " ") + std::to_string(i) + ":1111";
        EXPECT(all == expected);
    }
}

/// The same with members that lose: every heap is somewhere, and chunks are in order.
void every_heap_is_accounted_for() {
    constexpr std::size_t n = 4;
    constexpr std::uint64_t n_heaps = 2000;
    setup s(n, eviction_mode::lossy, 2, 1, 3);
    for (std::size_t i = 0; i < n; ++i) {
        std::vector<std::uint64_t> times;
        for (std::uint64_t t = i; t < n_heaps; t += n) times.push_back(t);
        s.send(i, times);
    }
    s.end();
    const std::string all = s.take_all();
    EXPECT(all.find('!') == std::string::npos);
    std::uint64_t present = 0;
    long last = -1;
    for (std::size_t at = 0; at < all.size(); at = all.find(' ', at) + 1) {
        const std::size_t colon = all.find(':', at);
        const long id = std::stol(all.substr(at));
        EXPECT(id > last);
        last = id;
        const std::size_t space = std::min(all.find(' ', at), all.size());
        present += static_cast<std::uint64_t>(
            std::count(all.begin() + static_cast<std::ptrdiff_t>(colon),
                       all.begin() + static_cast<std::ptrdiff_t>(space), '1'));
        if (space == all.size()) break;
    }
    std::uint64_t too_old = 0;
    for (std::size_t i = 0; i < n; ++i) too_old += s.stat(i, "too_old_heaps");
    EXPECT(present + too_old == n_heaps);
}

/// Ends of all kinds while members wait for each other, for chunks and for room.
void groups_end_while_they_wait() {
    const collected_log log;
    for (int round = 0; round < 60; ++round) {
        setup s(3, both[round % 2], 2, 1, 3);
        for (std::size_t i = 0; i < 3; ++i) {
            std::vector<std::uint64_t> times;
            for (std::uint64_t t = 0; t < 100; ++t) times.push_back(3 * t * (i + 1) + i);
            s.send(i, times);
        }
        std::thread taker([&] {
            try {
                for (int i = 0; i < round; ++i) {
                    std::unique_ptr<chunk> c = *s.data->pop();
                    static_cast<void>(s.group->add_free_chunk(c));
                }
            } catch (const stopped_error&) {
            }
        });
        switch (round / 2 % 5) {
            case 0:
                s.group->at(0).stop();
                break;
            case 1:
                s.pools[1]->stop();
                s.group->stop();
                break;
            case 2:
                s.data->stop();
                s.end();
                break;
            case 3:
                s.free->stop();
                s.queues[2]->stop();
                s.group->stop();
                break;
            default:
                s.pools[0]->stop();
                s.data->stop();
                break;
        }
        taker.join();
        s.group.reset();
    }
}

}  // namespace

int main() {
    members_fill_the_same_chunks();
    lossy_groups_move_on_at_once();
    a_heap_whose_chunk_another_took_away_is_too_old();
    lossless_groups_wait_for_all();
    nobody_waits_for_those_that_have_ended();
    lossy_groups_move_on_without_a_member_whose_threads_have_ended();
    a_member_without_threads_is_none();
    a_stop_of_one_stops_all();
    an_empty_group_stops_its_rings();
    place_functions_may_stop_the_group();
    what_cannot_be_added_is_refused();
    nothing_is_lost_without_loss();
    every_heap_is_accounted_for();
    groups_end_while_they_wait();
    if (failures == 0) std::puts("all held");
    return failures == 0 ? 0 : 1;
}
