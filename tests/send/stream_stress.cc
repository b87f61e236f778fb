// SPDX-License-Identifier: Apache-2.0
// Stress of the send floor, meant to run under ThreadSanitizer and AddressSanitizer: many threads,
// a carrier that accepts, releases and fails packets in fits and starts, destruction in every
// order. What the bytes look like is left to the wire tests.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <spead2/base/log.h>
#include <spead2/send/stream.h>

#include "../expect.h"

namespace {

using namespace spead2;
using namespace spead2::send;

/// Accepts a random number of packets at a time, releases them later, reads their memory until then
/// and fails some. Its descriptor is the writing end of a pipe that is never full.
class erratic_transport final : public transport {
public:
    erratic_transport(unsigned seed, double failure_rate)
        : random_(seed), failure_rate_(failure_rate) {
        if (::pipe(pipe_) != 0) std::abort();
    }
    ~erratic_transport() override {
        ::close(pipe_[0]);
        ::close(pipe_[1]);
    }
    std::size_t num_substreams() const noexcept override { return 3; }
    int wait_fd() const noexcept override { return pipe_[1]; }
    std::string describe() const override { return "erratic"; }

    send_result send(packet_span packets) noexcept override {
        send_result result;
        result.accepted = std::min<std::size_t>(packets.packets.size(), random_() % 40);
        for (std::size_t i = 0; i < result.accepted; ++i) {
            const packet& p = packets.packets[i];
            std::vector<iovec> iovs(packets.iovs + p.first_iov,
                                    packets.iovs + p.first_iov + p.n_iov);
            // The header need not live on; the payload must.
            iovs.erase(iovs.begin());
            held_.push_back(std::move(iovs));
        }
        std::size_t n = std::min<std::size_t>(held_.size(), random_() % 60);
        if (n != 0 && std::uniform_real_distribution<>()(random_) < failure_rate_) {
            result.failed = 1 + random_() % n;
            result.error = std::make_error_code(std::errc::io_error);
        }
        result.released = n - result.failed;
        for (std::size_t i = 0; i < n; ++i)
            for (const iovec& part : held_[i])
                sum_ += static_cast<std::uint8_t*>(part.iov_base)[part.iov_len / 2];
        held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(n));
        if (result.accepted < packets.packets.size() || !held_.empty())
            result.wait = random_() % 2 ? wait_for::writable : wait_for::again;
        return result;
    }
    void quiesce() noexcept override { held_.clear(); }

private:
    std::mt19937 random_;
    double failure_rate_;
    int pipe_[2];
    std::vector<std::vector<iovec>> held_;
    unsigned sum_ = 0;
};

heap make_heap(std::size_t size) {
    auto data = std::make_shared<std::vector<std::uint8_t>>(size, std::uint8_t{1});
    heap h;
    const void* p = data->data();
    h.add_item(0x1000, std::move(data), p, size, true);
    return h;
}

stream_config config(std::size_t max_heaps, double rate = 0.0) {
    stream_config c;
    c.set_max_heaps(max_heaps).set_rate(rate);
    return c;
}

/// Queue until it is taken.
template <typename Send>
void persist(Send&& send) {
    for (;;) {
        try {
            return send();
        } catch (const std::system_error& e) {
            if (e.code() != std::errc::resource_unavailable_try_again) throw;
            std::this_thread::yield();
        }
    }
}

void blocking_and_asynchronous_senders_share_a_stream() {
    auto pool = std::make_shared<thread_pool>(2);
    stream s(pool, config(16), std::make_unique<erratic_transport>(1, 0.0));
    std::atomic<int> completed{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            std::mt19937 random(static_cast<unsigned>(t));
            for (int i = 0; i < 300; ++i) {
                const std::size_t size = random() % 20000;
                if (t % 2 == 0) {
                    persist([&] { EXPECT(s.send_heap(make_heap(size), -1, i % 3) >= size); });
                } else {
                    persist([&] {
                        s.async_send_heap(
                            make_heap(size),
                            [&, size](std::error_code e, std::uint64_t bytes) {
                                EXPECT(!e && bytes >= size);
                                ++completed;
                            },
                            -1, i % 3);
                    });
                }
            }
        });
    }
    for (std::thread& t : threads) t.join();
    EXPECT(s.flush());
    EXPECT(completed == 600);
}

void groups_complete_once_and_in_order_whatever_fails() {
    auto pool = std::make_shared<thread_pool>(1);
    std::atomic<int> failed{0};
    for (unsigned seed = 0; seed < 20; ++seed) {
        std::vector<int> order;
        {
            stream s(pool, config(200), std::make_unique<erratic_transport>(seed, 0.1));
            for (int i = 0; i < 100; ++i) {
                std::vector<heap_reference> heaps;
                for (int k = 0; k <= i % 5; ++k)
                    heaps.push_back({make_heap(static_cast<std::size_t>(1000 * k + i)).contents(),
                                     -1, static_cast<std::size_t>(k % 3), -1.0});
                persist([&] {
                    s.async_send_heaps(heaps, i % 2 ? group_mode::serial : group_mode::round_robin,
                                       [&, i](std::error_code e, std::uint64_t) {
                                           order.push_back(i);
                                           if (e) ++failed;
                                       });
                });
            }
        }
        EXPECT(order.size() == 100);
        for (std::size_t i = 0; i < order.size(); ++i) EXPECT(order[i] == static_cast<int>(i));
    }
    EXPECT(failed > 0);
}

void one_list_goes_to_several_streams_at_once() {
    auto pool = std::make_shared<thread_pool>(1);
    heap_list list;
    for (std::size_t i = 0; i < 100; ++i)
        list.add(heap_reference{make_heap(20 + 7 * i).contents(), -1, i % 3});
    std::vector<stream> streams;
    for (unsigned seed = 0; seed < 3; ++seed)
        streams.emplace_back(pool, config(400, seed == 2 ? 1e9 : 0.0),
                             std::make_unique<erratic_transport>(seed, 0.02));
    std::atomic<int> sent{0};
    std::atomic<int> failed{0};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (std::size_t i = 0; i < 200; ++i) {
                try {
                    sent += streams[(t + i) % 3].send_heaps(list, group_mode::serial) > 100 * 48;
                } catch (const std::system_error& e) {
                    EXPECT(e.code() == std::errc::io_error);
                    ++failed;
                }
            }
        });
    }
    for (std::thread& t : threads) t.join();
    EXPECT(sent + failed == 800);
    EXPECT(sent > 0 && failed > 0);
    // Packets of one size are not for a stream of another.
    stream small(pool, config(100).set_max_packet_size(64),
                 std::make_unique<erratic_transport>(7, 0));
    stream large(pool, config(100), std::make_unique<erratic_transport>(8, 0));
    for (int i = 0; i < 3; ++i)
        EXPECT(small.send_heaps(list, group_mode::round_robin) >
               large.send_heaps(list, group_mode::serial));
}

void a_refused_group_changes_nothing() {
    auto pool = std::make_shared<thread_pool>(1);
    stream s(pool, config(2), std::make_unique<erratic_transport>(7, 0.0));
    const heap h = make_heap(100);
    const std::vector<heap_reference> three(3, {h.contents()});
    bool refused = false;
    try {
        s.send_heaps(three, group_mode::serial);
    } catch (const std::system_error& e) {
        refused = e.code() == std::errc::resource_unavailable_try_again;
    }
    EXPECT(refused);
    EXPECT(s.send_heap(h) > 100);
}

/// Takes all packets, and keeps their memory in use until it is to give them up.
class keeping_transport final : public transport {
public:
    explicit keeping_transport(std::atomic<std::size_t>& in_use) : in_use_(in_use) {}
    std::size_t num_substreams() const noexcept override { return 1; }
    std::string describe() const override { return "keeping"; }
    send_result send(packet_span packets) noexcept override {
        in_use_ += packets.packets.size();
        send_result result;
        result.accepted = packets.packets.size();
        result.wait = wait_for::pause;
        return result;
    }
    void quiesce() noexcept override { in_use_ = 0; }

private:
    std::atomic<std::size_t>& in_use_;
};

void heaps_are_given_up_when_nothing_uses_them() {
    auto pool = std::make_shared<thread_pool>(1);
    std::atomic<std::size_t> in_use{0};
    stream s(pool, config(8), std::make_unique<keeping_transport>(in_use));
    std::atomic<int> canceled{0};
    for (int k = 0; k < 3; ++k)
        s.async_send_heap(make_heap(3000), [&](std::error_code e, std::uint64_t) {
            EXPECT(in_use == 0);
            canceled += e == std::errc::operation_canceled;
        });
    while (in_use == 0) std::this_thread::yield();
    pool->stop();
    EXPECT(s.flush());
    EXPECT(canceled == 3);
}

void the_pool_may_be_stopped_first() {
    for (int i = 0; i < 50; ++i) {
        auto pool = std::make_shared<thread_pool>(1);
        stream s(pool, config(64),
                 std::make_unique<erratic_transport>(static_cast<unsigned>(i), 0.05));
        std::atomic<int> completed{0};
        int submitted = 0;
        for (int k = 0; k < 20; ++k) {
            s.async_send_heap(make_heap(30000),
                              [&](std::error_code, std::uint64_t) { ++completed; });
            ++submitted;
        }
        pool->stop();
        pool.reset();
        bool refused = false;
        try {
            s.async_send_heap(make_heap(10), {});
        } catch (const std::system_error& e) {
            refused = e.code() == std::errc::operation_canceled;
        }
        EXPECT(refused);
        try {
            s.send_heap(make_heap(10));  // the caller needs no worker
        } catch (const std::system_error& e) {
            EXPECT(e.code() == std::errc::io_error);
        }
        EXPECT(s.flush());
        EXPECT(completed == submitted);
    }
}

void a_stream_keeps_its_pool() {
    for (int i = 0; i < 50; ++i) {
        stream s(std::make_shared<thread_pool>(1), config(64),
                 std::make_unique<erratic_transport>(static_cast<unsigned>(i), 0.0));
        std::atomic<int> sent{0};
        for (int k = 0; k < 20; ++k)
            s.async_send_heap(make_heap(30000),
                              [&](std::error_code e, std::uint64_t) { sent += !e; });
        EXPECT(s.flush());
        EXPECT(sent == 20);
    }
}

void a_stream_may_be_destroyed_by_its_own_completion() {
    for (int i = 0; i < 50; ++i) {
        auto pool = std::make_shared<thread_pool>(1);
        auto s = std::make_unique<stream>(
            pool, config(64), std::make_unique<erratic_transport>(static_cast<unsigned>(i), 0.0));
        std::atomic<int> completed{0};
        std::atomic<bool> go{false};
        auto& alias = *s;
        alias.async_send_heap(make_heap(3000), [&](std::error_code, std::uint64_t) {
            while (!go) std::this_thread::yield();
            s.reset();
            ++completed;
        });
        for (int k = 0; k < 10; ++k)
            alias.async_send_heap(make_heap(3000),
                                  [&](std::error_code, std::uint64_t) { ++completed; });
        go = true;
        while (completed < 11) std::this_thread::yield();
    }
}

void destruction_fails_what_cannot_be_sent_in_time() {
    std::string told;
    const log_sink before =
        set_log_sink([&told](log_level, const std::string& message) { told += message; });
    auto pool = std::make_shared<thread_pool>(1);
    std::atomic<int> canceled{0};
    const auto start = std::chrono::steady_clock::now();
    {
        stream s(pool, config(8, 10.0), std::make_unique<erratic_transport>(3, 0.0));
        for (int k = 0; k < 3; ++k)
            s.async_send_heap(make_heap(300000), [&](std::error_code e, std::uint64_t) {
                canceled += e == std::errc::operation_canceled;
            });
    }
    set_log_sink(before);
    EXPECT(canceled == 3);
    EXPECT(told.find("3 heaps were not sent to erratic") != std::string::npos);
    EXPECT(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
}

void a_waiting_thread_can_give_up() {
    auto pool = std::make_shared<thread_pool>(1);
    auto s =
        std::make_unique<stream>(pool, config(8, 1e6), std::make_unique<erratic_transport>(3, 0.0));
    auto group = std::make_unique<blocking_group>();
    group->add({make_heap(500000).contents()}, 1472);
    int asked = 0;
    EXPECT(!s->wait(group, [&] { return ++asked == 2; }));
    EXPECT(!group);
    EXPECT(s->flush());  // it is sent all the same

    auto thrown = std::make_unique<blocking_group>();
    thrown->add({make_heap(500000).contents()}, 1472);
    bool caught = false;
    try {
        s->wait(thrown, []() -> bool { throw 1; });
    } catch (int) {
        caught = true;
    }
    EXPECT(caught && !thrown);
    s.reset();
}

void an_empty_group_completes_in_its_turn() {
    auto pool = std::make_shared<thread_pool>(1);
    stream s(pool, config(8), std::make_unique<erratic_transport>(5, 0.0));
    struct marker final : heap_group {
        std::atomic<bool>* done;
        void complete() noexcept override {
            const std::unique_ptr<marker> self(this);
            *done = true;
        }
    };
    for (int i = 0; i < 100; ++i) {
        std::atomic<bool> done{false};
        std::atomic<bool> sent{false};
        if (i % 2)
            s.async_send_heap(make_heap(50000),
                              [&](std::error_code, std::uint64_t) { sent = true; });
        else
            sent = true;
        auto m = std::make_unique<marker>();
        m->done = &done;
        std::unique_ptr<heap_group> group = std::move(m);
        s.submit(group, i % 3 == 0 ? drive::caller : i % 3 == 1 ? drive::worker : drive::deferred);
        s.flush();
        EXPECT(done && sent);
    }
}

void a_heap_may_change_while_it_is_sent() {
    auto pool = std::make_shared<thread_pool>(1);
    stream s(pool, config(1000), std::make_unique<erratic_transport>(9, 0.0));
    heap h = make_heap(5000);
    for (int i = 0; i < 200; ++i) {
        s.async_send_heap(h, {});
        h.add_immediate(0x2000, static_cast<std::uint64_t>(i));
    }
    EXPECT(h.contents()->items().size() == 201);
}

/// Keeps the cnts of the packets that it takes.
class noting_transport final : public transport {
public:
    explicit noting_transport(std::vector<std::uint8_t>& cnts) : cnts_(cnts) {}
    std::size_t num_substreams() const noexcept override { return 1; }
    std::string describe() const override { return "noting"; }
    send_result send(packet_span packets) noexcept override {
        send_result result;
        result.accepted = result.released = packets.packets.size();
        for (const packet& p : packets.packets)
            cnts_.push_back(
                static_cast<const std::uint8_t*>(packets.iovs[p.first_iov].iov_base)[15]);
        return result;
    }

private:
    std::vector<std::uint8_t>& cnts_;
};

void heaps_take_turns_of_so_many_packets() {
    auto pool = std::make_shared<thread_pool>(1);
    std::vector<std::uint8_t> cnts;
    stream s(pool, config(4).set_max_packet_size(1000), std::make_unique<noting_transport>(cnts));
    const heap h = make_heap(4000);  // five packets
    const std::vector<heap_reference> two(2, {h.contents()});
    s.send_heaps(two, group_mode::round_robin, 3);
    EXPECT((cnts == std::vector<std::uint8_t>{1, 1, 1, 2, 2, 2, 1, 1, 2, 2}));
    cnts.clear();
    s.send_heaps(two, group_mode::round_robin);
    EXPECT((cnts == std::vector<std::uint8_t>{3, 4, 3, 4, 3, 4, 3, 4, 3, 4}));
}

void a_rate_that_is_set_is_the_rate() {
    auto pool = std::make_shared<thread_pool>(1);
    std::vector<std::uint8_t> cnts;
    stream s(pool, config(4), std::make_unique<noting_transport>(cnts));
    s.set_rate(1e9);
    EXPECT(s.config().rate() == 1e9);
    EXPECT(s.send_heap(make_heap(100)) > 100);
}

}  // namespace

int main() {
    blocking_and_asynchronous_senders_share_a_stream();
    groups_complete_once_and_in_order_whatever_fails();
    a_refused_group_changes_nothing();
    heaps_are_given_up_when_nothing_uses_them();
    the_pool_may_be_stopped_first();
    one_list_goes_to_several_streams_at_once();
    a_stream_keeps_its_pool();
    a_stream_may_be_destroyed_by_its_own_completion();
    destruction_fails_what_cannot_be_sent_in_time();
    a_waiting_thread_can_give_up();
    an_empty_group_completes_in_its_turn();
    a_heap_may_change_while_it_is_sent();
    heaps_take_turns_of_so_many_packets();
    a_rate_that_is_set_is_the_rate();
    if (failures == 0) std::puts("all held");
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
