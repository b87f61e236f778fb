// SPDX-License-Identifier: Apache-2.0
// Life of streams: several readers, full rings, stops from everywhere, memory that cannot be had,
// order and loss. Meant to run under AddressSanitizer and ThreadSanitizer.
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <spead2/base/errors.h>
#include <spead2/recv/readers/buffer.h>
#include <spead2/recv/readers/inproc.h>
#include <spead2/recv/stream.h>

#include "../expect.h"
#include "packets.h"

/// Of all sanitizers: what is allocated and not yet freed.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();

namespace {

using namespace spead2::recv;
using spead2::inproc_queue;
using spead2::packet_view;
using spead2::pool_task;
using spead2::stopped_error;
using spead2::task_wait;
using spead2::thread_pool;

bool holds_count(const heap& h, std::size_t size, std::uint8_t first = 0) {
    if (!h.complete() || h.payload().size() != size || h.items().size() != (size ? 1 : 0))
        return false;
    for (std::size_t i = 0; i < size; ++i)
        if (h.payload()[i] != static_cast<std::uint8_t>(first + i)) return false;
    return true;
}

/// Take all heaps until the end.
std::vector<heap_ptr> take_all(ring_stream& s) {
    std::vector<heap_ptr> all;
    try {
        for (;;) all.push_back(s.pop());
    } catch (const stopped_error&) {
        return all;
    }
}

bytes many_heaps(std::uint64_t first, std::size_t n, std::size_t size, std::size_t payload) {
    bytes all;
    for (std::size_t i = 0; i < n; ++i) {
        const bytes heap = join(make_heap(first + i, size, payload));
        all.insert(all.end(), heap.begin(), heap.end());
    }
    return all;
}

void buffers_are_read_however_small_the_ring() {
    for (const std::size_t ring_heaps : {1, 4, 100}) {
        for (const std::size_t size : {0, 100, 5000, 200'000}) {
            const std::size_t n = size > 10'000 ? 40 : 1000;
            const bytes data = many_heaps(1, n, size, 1000);
            ring_stream s(std::make_shared<thread_pool>(), {},
                          ring_stream_config().set_heaps(ring_heaps));
            s.add_reader<buffer_reader>(data);
            const auto heaps = take_all(s);
            EXPECT(heaps.size() == n);
            for (std::size_t i = 0; i < heaps.size(); ++i)
                EXPECT(heaps[i]->cnt() == i + 1 && holds_count(*heaps[i], size));
            const stream_stats stats = s.stats();
            EXPECT(stats[stat_index::heaps] == n);
            EXPECT(stats[stat_index::batches] == 1);
            EXPECT(stats[stat_index::max_batch] == stats[stat_index::packets]);
        }
    }
}

void a_descriptor_tells_of_every_heap() {
    const bytes data = many_heaps(1, 500, 100, 1000);
    ring_stream s(std::make_shared<thread_pool>());
    s.add_reader<buffer_reader>(data);
    const int fd = s.fd();
    std::size_t n = 0;
    for (bool ended = false; !ended;) {
        pollfd p{fd, POLLIN, 0};
        EXPECT(::poll(&p, 1, -1) == 1);
        try {
            if (s.try_pop()) ++n;
        } catch (const stopped_error&) {
            ended = true;
        }
    }
    EXPECT(n == 500);
    pollfd p{fd, POLLIN, 0};
    EXPECT(::poll(&p, 1, 0) == 1);
}

void whoever_looks_at_the_ring_sees_it_fill_again() {
    const bytes data = many_heaps(1, 100, 100, 1000);
    ring_stream s(std::make_shared<thread_pool>());
    s.add_reader<buffer_reader>(data);
    for (int i = 0; i < 25; ++i) {
        while (s.ring_size() != s.ring_capacity()) std::this_thread::yield();
        for (int k = 0; k < 4; ++k) EXPECT(s.try_pop() != nullptr);
    }
}

/// Whoever takes heaps one way or the other, and at any pace, gets all of them.
void heaps_are_taken_in_many_ways() {
    std::mt19937 random(4);
    auto pool = std::make_shared<thread_pool>(2);
    for (int round = 0; round < 20; ++round) {
        auto queue = std::make_shared<inproc_queue>();
        ring_stream s(pool, {}, ring_stream_config().set_heaps(1 + random() % 5));
        s.add_reader<inproc_reader>(queue);
        std::thread feeder([&queue, round] {
            for (std::uint64_t i = 1; i <= 500; ++i) {
                queue->add_packet(make_heap(i, 8, 8)[0]);
                if (round % 2 == 0 && i % 50 == 0) std::this_thread::yield();
            }
            queue->stop();
        });
        std::size_t n = 0;
        try {
            std::vector<heap_ptr> some(3);
            for (;;) {
                switch (random() % 3) {
                    case 0:
                        if (s.pop()) ++n;
                        break;
                    case 1:
                        if (s.try_pop()) ++n;
                        break;
                    default:
                        n += s.try_pop_many(some);
                }
            }
        } catch (const stopped_error&) {
            EXPECT(n == 500);
        }
        feeder.join();
    }
}

void a_stream_ends_with_its_last_reader() {
    for (const bool first : {false, true}) {
        const bytes a = many_heaps(1, 10, 100, 1000);
        const bytes b = many_heaps(101, 20, 100, 1000);
        ring_stream s(std::make_shared<thread_pool>(),
                      stream_config().set_explicit_start(true).set_stop_on_first_end(first),
                      ring_stream_config().set_heaps(100));
        s.add_reader<buffer_reader>(a);
        s.add_reader<buffer_reader>(b);
        EXPECT(s.try_pop() == nullptr);
        s.start();
        EXPECT(take_all(s).size() == (first ? 10 : 30));
    }
}

void readers_cannot_be_added_after_an_explicit_start() {
    ring_stream s(std::make_shared<thread_pool>(), stream_config().set_explicit_start(true));
    s.start();
    s.start();
    bool refused = false;
    try {
        s.add_reader<inproc_reader>(std::make_shared<inproc_queue>());
    } catch (const std::logic_error&) {
        refused = true;
    }
    EXPECT(refused);
}

void a_full_ring_does_not_hold_up_other_streams() {
    auto pool = std::make_shared<thread_pool>(1);
    auto full_queue = std::make_shared<inproc_queue>();
    ring_stream full(pool, {}, ring_stream_config().set_heaps(1));
    full.add_reader<inproc_reader>(full_queue);
    for (std::uint64_t i = 1; i <= 10; ++i) full_queue->add_packet(make_heap(i, 8, 8)[0]);
    while (full.stats()[stat_index::worker_blocked] == 0) std::this_thread::yield();

    const bytes data = many_heaps(1, 100, 100, 1000);
    ring_stream other(pool);
    other.add_reader<buffer_reader>(data);
    EXPECT(take_all(other).size() == 100);
    full_queue->stop();
    EXPECT(take_all(full).size() == 10);
}

void a_stop_drops_what_had_no_room() {
    const collected_log log;
    {
        auto queue = std::make_shared<inproc_queue>();
        ring_stream s(std::make_shared<thread_pool>(), {}, ring_stream_config().set_heaps(1));
        for (std::uint64_t i = 1; i <= 3; ++i) queue->add_packet(make_heap(i, 8, 8)[0]);
        s.add_reader<inproc_reader>(queue);
        while (s.stats()[stat_index::worker_blocked] == 0) std::this_thread::yield();
        s.stop();
        s.stop();
        EXPECT(s.stopped() && s.stop_reason().empty());
        EXPECT(take_all(s).size() == 1);
        s.add_reader<inproc_reader>(queue);  // does nothing
    }
    EXPECT(log.text() == "INFO dropped heap 2 due to external stop\n");
}

void queues_share_out_their_packets() {
    auto queue = std::make_shared<inproc_queue>();
    auto pool = std::make_shared<thread_pool>(2);
    ring_stream a(pool, {}, ring_stream_config().set_heaps(2000));
    auto b =
        std::make_unique<ring_stream>(pool, stream_config(), ring_stream_config().set_heaps(2000));
    a.add_reader<inproc_reader>(queue);
    b->add_reader<inproc_reader>(queue);
    for (std::uint64_t i = 1; i <= 1000; ++i) queue->add_packet(make_heap(i, 8, 8)[0]);
    while (a.stats()[stat_index::heaps] + b->stats()[stat_index::heaps] != 1000)
        std::this_thread::yield();
    b->stop();
    const std::uint64_t before = a.stats()[stat_index::heaps];
    for (std::uint64_t i = 1; i <= 10; ++i) queue->add_packet(make_heap(i, 8, 8)[0]);
    while (a.stats()[stat_index::heaps] != before + 10) std::this_thread::yield();
    queue->stop();
    EXPECT(take_all(a).size() == before + 10);
}

/// Gives nothing.
class poor_allocator final : public memory_allocator {
public:
    memory allocate(std::size_t bytes, const spead2::packet_view* hint) override {
        if (bytes > 1000 || hint == nullptr) throw std::bad_alloc();
        return memory_allocator::allocate(bytes, hint);
    }
};

void what_cannot_be_had_drops_one_heap() {
    const collected_log log;
    packet_fields announces;
    announces.cnt = 2;
    announces.heap_length = std::int64_t{1} << 39;
    announces.payload = bytes(8);
    packet_fields far;
    far.cnt = 3;
    far.offset = (std::uint64_t{1} << 40) - 20;
    far.payload = bytes(8);
    std::vector<bytes> packets = make_heap(1, 100, 100);
    packets.push_back(make_packet(announces));
    packets.push_back(make_packet(far));
    for (const bytes& p : make_heap(4, 5000, 100)) packets.push_back(p);
    for (const bytes& p : make_heap(5, 100, 100)) packets.push_back(p);
    const bytes data = join(packets);
    ring_stream s(std::make_shared<thread_pool>(),
                  stream_config().set_allow_out_of_order(true).set_allocator(
                      std::make_shared<poor_allocator>()));
    s.add_reader<buffer_reader>(data);
    const auto heaps = take_all(s);
    EXPECT(heaps.size() == 2 && heaps[0]->cnt() == 1 && heaps[1]->cnt() == 5);
    const std::string text = log.text();
    EXPECT(text.find("INFO packet rejected because its heap of 549755813888 bytes is larger than "
                     "max_heap_size (4294967296)\n") == 0);
    EXPECT(text.find("WARNING dropped heap 4 because there is no memory for 5000 bytes\n") !=
           std::string::npos);
}

void what_cannot_grow_is_dropped_once() {
    const collected_log log;
    std::vector<bytes> packets;
    for (std::uint64_t at = 0; at < 2000; at += 400) {
        packet_fields f;  // without a length: memory is had as the heap grows
        f.offset = at;
        f.payload = bytes(400);
        packets.push_back(make_packet(f));
    }
    const bytes data = join(packets);
    ring_stream s(std::make_shared<thread_pool>(),
                  stream_config().set_allow_unsized_heaps(true).set_allocator(
                      std::make_shared<poor_allocator>()));
    s.add_reader<buffer_reader>(data);
    EXPECT(take_all(s).empty());
    const stream_stats stats = s.stats();
    EXPECT(stats[stat_index::packets] == 5);
    EXPECT(stats[stat_index::heaps] == 1);
    EXPECT(stats[stat_index::incomplete_heaps_evicted] == 1);
    EXPECT(stats[stat_index::incomplete_heaps_flushed] == 0);
}

void what_cannot_be_had_leaves_nothing_behind() {
    const collected_log log;
    auto queue = std::make_shared<inproc_queue>();
    ring_stream s(std::make_shared<thread_pool>(),
                  stream_config().set_allocator(std::make_shared<poor_allocator>()));
    s.add_reader<inproc_reader>(queue);
    const bytes begin = make_heap(1, 5000, 100)[0];
    std::uint64_t sent = 0;
    const auto memory_after = [&](std::uint64_t n) {
        for (; sent < n; ++sent) queue->add_packet(begin);
        while (s.stats()[stat_index::packets] != n) std::this_thread::yield();
        return __sanitizer_get_current_allocated_bytes();
    };
    const std::size_t before = memory_after(1000);
    EXPECT(memory_after(11'000) < before + 1'000'000);  // 100 bytes each
}

void a_flood_of_bad_packets_is_told_in_few_words() {
    const collected_log log;
    {
        auto queue = std::make_shared<inproc_queue>();
        for (int i = 0; i < 10'000; ++i) queue->add_packet(bytes(7));
        queue->add_packet({});
        queue->stop();
        ring_stream s(std::make_shared<thread_pool>());
        s.add_reader<inproc_reader>(queue);
        EXPECT(take_all(s).empty());
        EXPECT(s.stats()[stat_index::batches] == 10'001);
    }
    const std::string text = log.text();
    const auto lines = std::count(text.begin(), text.end(), '\n');
    EXPECT(lines > 100 && lines < 1000);
    EXPECT(text.find("more log messages were left out") != std::string::npos);
}

/// What each packet order gives, against a model: a heap is delivered as complete exactly if every
/// byte came, whatever came twice or in what order.
void packets_in_any_order_make_the_same_heaps() {
    std::mt19937 random(1);
    for (int round = 0; round < 300; ++round) {
        const std::size_t size = 1 + random() % 3000;
        const std::size_t payload = 1 + random() % 400;
        std::vector<bytes> packets = make_heap(7, size, payload);
        if (packets.size() == 1) continue;
        const bool lose = random() % 3 == 0;
        if (lose) packets.erase(packets.begin() + static_cast<long>(random() % packets.size()));
        for (unsigned i = random() % 5; i-- > 0;)
            packets.push_back(packets[random() % packets.size()]);
        std::shuffle(packets.begin(), packets.end(), random);
        const bytes data = join(packets);
        ring_stream s(std::make_shared<thread_pool>(), stream_config().set_allow_out_of_order(true),
                      ring_stream_config()
                          .set_contiguous_only(false)
                          .set_heaps(20)
                          .set_incomplete_keep_payload_ranges(true));
        s.add_reader<buffer_reader>(data);
        const auto heaps = take_all(s);
        // Copies that come after the heap was complete begin another one.
        const auto complete = std::count_if(heaps.begin(), heaps.end(), [&](const heap_ptr& h) {
            return h->complete() && holds_count(*h, size);
        });
        EXPECT(lose ? complete == 0 : complete >= 1);
        for (const heap_ptr& h : heaps) {
            if (h->complete()) continue;
            std::uint64_t received = 0;
            std::uint64_t last = 0;
            for (const auto& [begin, end] : h->payload_ranges()) {
                EXPECT(begin < end && (begin > last || received == 0));
                for (std::uint64_t i = begin; i < end; ++i)
                    EXPECT(h->payload()[i] == static_cast<std::uint8_t>(i));
                received += end - begin;
                last = end;
            }
            EXPECT(received == h->received_length());
        }
    }
}

void heaps_of_many_pointers_keep_each_once() {
    packet_fields f;
    f.heap_length = 16;
    f.payload = bytes(8);
    const spead2::flavour fl;
    for (std::uint64_t i = 0; i < 3000; ++i) f.pointers.push_back(fl.immediate(0x1000 + i, i));
    const bytes first = make_packet(f);
    f.offset = 8;
    std::swap(f.pointers[0], f.pointers[2999]);
    f.pointers.push_back(fl.immediate(0x999, 5000));
    const bytes second = make_packet(f);
    const bytes data = join({first, second});
    ring_stream s(std::make_shared<thread_pool>());
    s.add_reader<buffer_reader>(data);
    const auto heaps = take_all(s);
    EXPECT(heaps.size() == 1 && heaps[0]->items().size() == 3001);
    if (heaps.size() != 1) return;
    for (std::uint64_t i = 0; i < 3000; ++i) EXPECT(heaps[0]->items()[i].id == 0x1000 + i);
}

void a_whole_packet_takes_in_what_came_before() {
    packet_fields empty;
    empty.heap_length = 4;
    empty.pointers.push_back(spead2::flavour().immediate(0x1001, 7));
    packet_fields whole;
    whole.heap_length = 4;
    whole.payload = {1, 2, 3, 4};
    whole.pointers = {spead2::flavour().address(0x1000, 0), spead2::flavour().address(0x1002, 4)};
    const bytes data = join({make_packet(empty), make_packet(whole)});
    const collected_log log;
    ring_stream s(std::make_shared<thread_pool>());
    s.add_reader<buffer_reader>(data);
    const auto heaps = take_all(s);
    EXPECT(heaps.size() == 1 && heaps[0]->items().size() == 2);
    EXPECT(heaps.size() == 1 && heaps[0]->empty_items().size() == 1 &&
           heaps[0]->empty_items()[0] == 0x1002);
    EXPECT(log.text().empty());
}

void evicted_heaps_go_in_the_order_in_which_they_came() {
    // First halves of 1 to 3, then the second halves, with room for two.
    std::vector<bytes> packets;
    for (const std::size_t half : {0, 1})
        for (std::uint64_t cnt = 1; cnt <= 3; ++cnt)
            packets.push_back(make_heap(cnt, 200, 100)[half]);
    const bytes data = join(packets);
    const collected_log log;
    ring_stream s(std::make_shared<thread_pool>(), stream_config().set_max_heaps(2));
    s.add_reader<buffer_reader>(data);
    const auto heaps = take_all(s);
    EXPECT(heaps.size() == 2 && heaps[0]->cnt() == 2 && heaps[1]->cnt() == 3);
    EXPECT(s.stats()[stat_index::incomplete_heaps_evicted] == 1);
    EXPECT(s.stats()[stat_index::search_dist] == 6);
    EXPECT(log.text() == "WARNING dropped incomplete heap 1 (100/200 bytes of payload)\n");
}

void memory_is_flat_whatever_is_announced() {
    // Each packet announces a heap of 4 GiB; an allocation of all would not be had many times.
    bytes data;
    for (std::uint64_t cnt = 1; cnt <= 2000; ++cnt) {
        packet_fields f;
        f.cnt = cnt;
        f.heap_length = std::int64_t{1} << 32;
        f.payload = bytes(8);
        const bytes p = make_packet(f);
        data.insert(data.end(), p.begin(), p.end());
    }
    const collected_log log;
    ring_stream s(std::make_shared<thread_pool>());
    s.add_reader<buffer_reader>(data);
    EXPECT(take_all(s).empty());
    EXPECT(s.stats()[stat_index::incomplete_heaps_evicted] == 1996);
}

void pools_serve_and_refill() {
    auto log = std::make_unique<collected_log>();
    auto threads = std::make_shared<thread_pool>();
    memory_pool_options o;
    o.lower = 100;
    o.upper = 1000;
    o.max_free = 8;
    o.initial = 4;
    o.low_water = 3;
    o.refill = threads;
    auto pool = std::make_shared<memory_pool>(o);
    EXPECT(pool->free_blocks() == 4);
    memory a = pool->allocate(100);
    EXPECT(a.capacity() == 1000);
    memory b = pool->allocate(1000);
    while (pool->free_blocks() != 4) std::this_thread::yield();
    std::vector<memory> more;
    for (int i = 0; i < 10; ++i) more.push_back(pool->allocate(500));
    a = memory();
    EXPECT(pool->allocate(99).capacity() == 99);
    while (pool->free_blocks() < 4) std::this_thread::yield();
    more.clear();
    EXPECT(pool->free_blocks() == 8);
    pool.reset();  // b keeps what it needs
    b.data()[999] = 1;

    log.reset();
    const collected_log only;
    o = {.lower = 0,
         .upper = 100,
         .max_free = 1,
         .initial = 0,
         .low_water = 0,
         .refill = {},
         .allocator = {}};
    auto empty = std::make_shared<memory_pool>(o);
    memory c = empty->allocate(50);
    empty->set_warn_on_empty(false);
    memory d = empty->allocate(50);
    EXPECT(only.text() == "WARNING memory pool is empty when allocating 50 bytes\n");
}

/// Counts how often it is told.
class counting_waiter final : public spead2::waiter {
public:
    void ready() noexcept override { ++count; }
    std::atomic<int> count{0};
};

void who_asks_again_and_again_is_told_once() {
    inproc_queue queue;
    ring<int> r(1);
    const auto who = std::make_shared<counting_waiter>();
    const auto other = std::make_shared<counting_waiter>();
    for (int i = 0; i < 1000; ++i) {
        EXPECT(queue.wait_packet(who) && queue.wait_packet(other) && r.wait_data(who));
        // Those that are gone are not kept either.
        EXPECT(queue.wait_packet(std::make_shared<counting_waiter>()));
    }
    int value = 1;
    EXPECT(r.try_push(value));
    EXPECT(who->count == 1);
    for (int i = 0; i < 1000; ++i) EXPECT(r.wait_space(other));
    EXPECT(r.try_pop() == 1);
    EXPECT(who->count == 1 && other->count == 1);
    queue.stop();
    EXPECT(who->count == 2 && other->count == 2);
}

/// Stops the stream from where its log is written.
void a_log_may_stop_the_stream_that_writes_it() {
    auto pool = std::make_shared<thread_pool>();
    auto queue = std::make_shared<inproc_queue>();
    ring_stream s(pool);
    std::atomic<int> told{0};
    spead2::set_log_sink([&](spead2::log_level, const std::string&) {
        if (told++ == 0) s.stop();
    });
    s.add_reader<inproc_reader>(queue);
    queue->add_packet(bytes(3));  // too small
    bool ended = false;
    try {
        static_cast<void>(s.pop());
    } catch (const stopped_error&) {
        ended = true;
    }
    EXPECT(ended);
    while (!s.stopped()) std::this_thread::yield();  // by the worker, without a further packet
    s.stop();
    spead2::set_log_sink({});
    EXPECT(told >= 1);
}

/// Notes which threads make blocks, and how many there are.
class watched_allocator final : public memory_allocator {
public:
    memory allocate(std::size_t bytes, const packet_view* hint) override {
        const std::lock_guard lock(mutex_);
        threads_.push_back(std::this_thread::get_id());
        return memory_allocator::allocate(bytes, hint);
    }
    std::vector<std::thread::id> take_threads() {
        const std::lock_guard lock(mutex_);
        return std::exchange(threads_, {});
    }

private:
    std::mutex mutex_;
    std::vector<std::thread::id> threads_;
};

/// Tells when all that its worker had to do before is done.
class barrier_task final : public pool_task {
public:
    task_wait run() noexcept override {
        done_.set_value(std::this_thread::get_id());
        return {};
    }
    void stopped() noexcept override {}
    std::thread::id wait() { return done_.get_future().get(); }

private:
    std::promise<std::thread::id> done_;
};

std::thread::id let_work(thread_pool& pool) {
    auto task = std::make_shared<barrier_task>();
    EXPECT(pool.next_worker()->wake(task));
    return task->wait();
}

void pools_are_refilled_by_their_threads_when_they_run_low() {
    const collected_log log;
    auto threads = std::make_shared<thread_pool>();
    auto blocks = std::make_shared<watched_allocator>();
    auto pool = std::make_shared<memory_pool>(memory_pool_options{.lower = 1,
                                                                  .upper = 1000,
                                                                  .max_free = 8,
                                                                  .initial = 4,
                                                                  .low_water = 3,
                                                                  .refill = threads,
                                                                  .allocator = blocks});
    const std::thread::id here = std::this_thread::get_id();
    EXPECT(blocks->take_threads() == std::vector<std::thread::id>(4, here));
    std::vector<memory> taken;
    taken.push_back(pool->allocate(10));  // 3 are free: not below the low water
    const std::thread::id worker = let_work(*threads);
    EXPECT(worker != here);
    EXPECT(pool->free_blocks() == 3 && blocks->take_threads().empty());
    taken.push_back(pool->allocate(10));  // 2 are free
    // A task that is at it goes on in turns with others.
    for (int i = 0; i < 10; ++i) static_cast<void>(let_work(*threads));
    EXPECT(pool->free_blocks() == 4);
    EXPECT(blocks->take_threads() == std::vector<std::thread::id>(2, worker));
    // However many are taken, if slowly: no request finds it empty or makes a block by itself.
    for (int i = 0; i < 100; ++i) {
        taken.push_back(pool->allocate(10));
        for (int turn = 0; turn < 10; ++turn) static_cast<void>(let_work(*threads));
    }
    for (const std::thread::id id : blocks->take_threads()) EXPECT(id == worker);
    EXPECT(log.text().empty());
    // Without its threads it goes on as a pool that is not refilled.
    threads->stop();
    for (int i = 0; i < 5; ++i) taken.push_back(pool->allocate(10));
    const std::vector<std::thread::id> makers = blocks->take_threads();
    EXPECT(!makers.empty() && makers.back() == here);
    EXPECT(log.text().find("memory pool is empty") != std::string::npos);
}

/// Counts in its own way, stops the stream from within, and takes only some heaps at a time.
class counting_stream final : public stream {
public:
    counting_stream(std::shared_ptr<thread_pool> pool, std::size_t at_a_time, std::size_t stop_at)
        : stream(std::move(pool)), at_a_time_(at_a_time), stop_at_(stop_at) {}
    ~counting_stream() override { stop(); }
    std::size_t count() const { return count_; }
    std::future<void> ended() { return ended_.get_future(); }
    using stream::resume;

protected:
    std::size_t heaps_ready(std::span<heap_ptr> heaps) noexcept override {
        const std::size_t n = std::min(heaps.size(), at_a_time_);
        count_ += n;
        if (count_ >= stop_at_) stop();
        return n;
    }
    void heaps_stopped() noexcept override { ended_.set_value(); }

private:
    const std::size_t at_a_time_;
    const std::size_t stop_at_;
    std::atomic<std::size_t> count_{0};
    std::promise<void> ended_;
};

void streams_can_call_back() {
    const bytes data = many_heaps(1, 100, 100, 1000);
    {
        counting_stream s(std::make_shared<thread_pool>(), 1000, 1000);
        auto ended = s.ended();
        s.add_reader<buffer_reader>(data);
        ended.get();
        EXPECT(s.count() == 100);
    }
    {
        counting_stream s(std::make_shared<thread_pool>(), 1, 1000);
        auto ended = s.ended();
        s.add_reader<buffer_reader>(data);
        while (ended.wait_for(std::chrono::seconds(0)) != std::future_status::ready) s.resume();
        EXPECT(s.count() == 100);
    }
    {
        auto queue = std::make_shared<inproc_queue>();
        counting_stream s(std::make_shared<thread_pool>(), 1000, 5);
        auto ended = s.ended();
        s.add_reader<inproc_reader>(queue);
        for (std::uint64_t i = 1; i <= 100; ++i) queue->add_packet(make_heap(i, 8, 8)[0]);
        ended.get();
        EXPECT(s.count() >= 5);
    }
}

void streams_are_destroyed_at_any_time() {
    const collected_log log;
    std::mt19937 random(3);
    auto pool = std::make_shared<thread_pool>(2);
    const bytes data = many_heaps(1, 2000, 300, 100);
    for (int round = 0; round < 200; ++round) {
        auto queue = std::make_shared<inproc_queue>();
        auto s = std::make_unique<ring_stream>(pool, stream_config(),
                                               ring_stream_config().set_heaps(1 + random() % 8));
        s->add_reader<buffer_reader>(data);
        s->add_reader<inproc_reader>(queue);
        std::thread feeder([&queue] {
            try {
                for (std::uint64_t i = 1; i <= 200; ++i) queue->add_packet(make_heap(i, 8, 8)[0]);
            } catch (const stopped_error&) {
            }
        });
        std::thread taker([&s, n = random() % 500] {
            try {
                for (std::size_t i = 0; i < n; ++i) static_cast<void>(s->pop());
            } catch (const stopped_error&) {
            }
        });
        std::thread stopper([&s, wait = random() % 3] {
            if (wait == 0) std::this_thread::yield();
            s->stop();
        });
        if (round % 4 == 0) queue->stop();
        stopper.join();
        taker.join();
        s.reset();
        feeder.join();
    }
}

void streams_outlive_their_pool() {
    auto queue = std::make_shared<inproc_queue>();
    auto pool = std::make_shared<thread_pool>();
    ring_stream s(pool);
    s.add_reader<inproc_reader>(queue);
    pool->stop();
    queue->add_packet(make_heap(1, 8, 8)[0]);
    EXPECT(s.try_pop() == nullptr);
    s.stop();
    EXPECT(take_all(s).empty());
}

void interrupted_waits_end() {
    ring_stream s(std::make_shared<thread_pool>());
    s.add_reader<inproc_reader>(std::make_shared<inproc_queue>());
    int asked = 0;
    EXPECT(s.pop([&asked] { return ++asked == 2; }) == nullptr);
    EXPECT(asked == 2);
}

}  // namespace

int main() {
    buffers_are_read_however_small_the_ring();
    a_descriptor_tells_of_every_heap();
    whoever_looks_at_the_ring_sees_it_fill_again();
    heaps_are_taken_in_many_ways();
    a_stream_ends_with_its_last_reader();
    readers_cannot_be_added_after_an_explicit_start();
    a_full_ring_does_not_hold_up_other_streams();
    a_stop_drops_what_had_no_room();
    queues_share_out_their_packets();
    what_cannot_be_had_drops_one_heap();
    what_cannot_grow_is_dropped_once();
    what_cannot_be_had_leaves_nothing_behind();
    a_flood_of_bad_packets_is_told_in_few_words();
    packets_in_any_order_make_the_same_heaps();
    heaps_of_many_pointers_keep_each_once();
    a_whole_packet_takes_in_what_came_before();
    evicted_heaps_go_in_the_order_in_which_they_came();
    memory_is_flat_whatever_is_announced();
    pools_serve_and_refill();
    who_asks_again_and_again_is_told_once();
    a_log_may_stop_the_stream_that_writes_it();
    pools_are_refilled_by_their_threads_when_they_run_low();
    streams_can_call_back();
    streams_are_destroyed_at_any_time();
    streams_outlive_their_pool();
    interrupted_waits_end();
    if (failures == 0) std::puts("all held");
    return failures == 0 ? 0 : 1;
}
