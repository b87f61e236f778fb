// SPDX-License-Identifier: Apache-2.0
// Pacing when the machine is not in time: the limiter over made-up times, and a stream with a
// transport that is slow in fits. What is checked does not depend on how fast this machine is, only
// that nothing goes too early; that the rate is reached is checked with made-up times alone.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <spead2/send/stream.h>
#include "send/driver/rate_limiter.h"

namespace {

using namespace spead2;
using namespace spead2::send;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using time_point = rate_limiter::time_point;

int failures = 0;

void fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    ++failures;
}

nanoseconds us(double microseconds) { return nanoseconds(std::llround(microseconds * 1e3)); }

/// Packets that left at times which nobody knows but for these limits.
struct sending {
    time_point start;
    time_point end;
    std::size_t bytes;
};

/// Most bytes that may have been in a window: of the first sending at its end, of the last at its
/// start.
std::size_t worst_window(const std::vector<sending>& all, nanoseconds window) {
    std::size_t worst = 0;
    std::size_t sum = 0;
    std::size_t next = 0;
    for (const sending& first : all) {
        for (; next < all.size() && all[next].start < first.end + window; ++next)
            sum += all[next].bytes;
        worst = std::max(worst, sum);
        sum -= first.bytes;
    }
    return worst;
}

struct setup {
    double rate = 1e8;
    std::size_t burst_size = stream_config::default_burst_size;
    double ratio = stream_config::default_burst_rate_ratio;
    std::size_t packet = 1472;

    /// What the limiter promises.
    [[nodiscard]] double most_in(nanoseconds window) const {
        const auto burst = static_cast<double>(std::max(burst_size, packet));
        return 1.1 * burst + (ratio + 0.05) * rate * static_cast<double>(window.count()) * 1e-9;
    }
    [[nodiscard]] std::string text() const {
        return std::to_string(rate * 1e-6) + " MB/s, bursts of " + std::to_string(burst_size) +
               " at " + std::to_string(ratio) + ", packets of " + std::to_string(packet);
    }
};

void check_windows(const std::vector<sending>& all, const setup& s, const std::string& name) {
    for (const nanoseconds window : {nanoseconds(milliseconds(1)), us(2500), us(20000)}) {
        const auto worst = static_cast<double>(worst_window(all, window));
        if (worst > s.most_in(window))
            fail(name + ", " + s.text() + ": " + std::to_string(worst) + " bytes within " +
                 std::to_string(window.count()) + " ns, at most " +
                 std::to_string(s.most_in(window)));
    }
}

/// How everything but the limiter behaves.
struct behaviour {
    std::string name;
    std::function<nanoseconds()> late;  ///< a wake-up
    std::function<nanoseconds()> call;  ///< giving packets to the transport
    /// How many of so many packets it takes at once, and the time until it takes more.
    std::function<std::size_t(std::size_t)> taken = [](std::size_t n) { return n; };
    std::function<nanoseconds()> until_more = [] { return nanoseconds(0); };
    /// Packets of a heap, and the time from the end of one to the next.
    std::function<std::size_t()> heap = [] { return std::size_t{1} << 30; };
    std::function<nanoseconds()> pause = [] { return nanoseconds(0); };
};

/// What a stream does with a limiter, up to so many calls of the transport.
std::vector<sending> run(const setup& s, const behaviour& b, std::size_t calls) {
    rate_limiter limiter(s.burst_size, s.ratio);
    const double each = 1.0 / s.rate;
    time_point now{std::chrono::seconds(1)};
    bool idle = true;
    std::size_t heap = b.heap();
    std::vector<sending> all;
    while (all.size() < calls) {
        if (limiter.exhausted()) {
            if (now < limiter.next()) {
                idle = false;
                now = limiter.next() + b.late();
            }
            if (idle) limiter.idle(now, each);
            limiter.start(each);
        } else if (idle) {
            limiter.idle(now, each);
        }
        idle = false;
        std::size_t batch = 0;
        while (heap != 0) {
            const std::size_t n = std::min(limiter.fitting(s.packet), heap);
            if (n == 0) {
                limiter.exhaust();
                break;
            }
            limiter.add(n * s.packet, each);
            batch += n;
            heap -= n;
        }
        while (batch != 0) {
            const time_point start = now;
            const std::size_t n = b.taken(batch);
            now += b.call();
            limiter.sent(now,
                         n == batch ? 1.0 : static_cast<double>(n) / static_cast<double>(batch));
            all.push_back({start, now, n * s.packet});
            batch -= n;
            if (batch != 0) now += b.until_more();
        }
        if (heap == 0) {
            idle = true;
            heap = b.heap();
            now += b.pause();
        }
    }
    return all;
}

std::function<nanoseconds()> always(nanoseconds value) {
    return [value] { return value; };
}
/// Up to \a most; seeded, so that every run is the same.
std::function<nanoseconds()> up_to(nanoseconds most) {
    return [most, random = std::mt19937(1)]() mutable {
        return nanoseconds(static_cast<std::int64_t>(random() % 1'000'000) * most.count() /
                           999'999);
    };
}
/// Once in \a n times \a rare, else \a usual.
std::function<nanoseconds()> sometimes(unsigned n, std::function<nanoseconds()> rare,
                                       std::function<nanoseconds()> usual) {
    return [n, rare = std::move(rare), usual = std::move(usual),
            random = std::mt19937(2)]() mutable { return random() % n == 0 ? rare() : usual(); };
}
std::function<std::size_t()> heaps_of(std::size_t least, std::size_t most) {
    return [least, most, random = std::mt19937(3)]() mutable {
        return least + random() % (most - least + 1);
    };
}
std::function<std::size_t(std::size_t)> some() {
    return [random = std::mt19937(4)](std::size_t n) mutable { return random() % (n + 1); };
}

std::vector<behaviour> behaviours() {
    const auto none = always(us(0));
    const auto quick = always(us(12));
    return {
        {"in time", none, none},
        {"late", up_to(us(300)), quick},
        {"very late now and then", sometimes(5, up_to(us(5000)), none), none},
        {"slow transport", none, up_to(us(1200))},
        {"stuck in the transport now and then", up_to(us(50)),
         sometimes(5, up_to(us(5000)), quick)},
        {"all of it", sometimes(4, up_to(us(3000)), up_to(us(80))),
         sometimes(4, up_to(us(3000)), quick)},
        {"transport takes a part", up_to(us(80)), sometimes(4, up_to(us(2000)), quick), some(),
         up_to(us(600))},
        {"rest of a burst much later", none, quick,
         [rest = false](std::size_t n) mutable { return std::exchange(rest, !rest) ? n : 1; },
         always(us(5000))},
        {.name = "small heaps in turn",
         .late = sometimes(4, up_to(us(3000)), up_to(us(80))),
         .call = sometimes(4, up_to(us(3000)), quick),
         .heap = heaps_of(1, 60),
         .pause = always(us(5))},
        {.name = "heaps with gaps",
         .late = up_to(us(80)),
         .call = sometimes(4, up_to(us(3000)), quick),
         .taken = some(),
         .heap = heaps_of(1, 200),
         .pause = up_to(us(2000))},
    };
}

void no_window_has_too_much_whatever_is_late() {
    for (const double rate : {1e7, 1e8, 1.3e8, 3e8, 1e9, 2e9})
        for (const double ratio : {1.0, 1.05, 1.5})
            for (const std::size_t burst_size : {0, 8192, 50000, 65536, 1 << 20})
                for (const std::size_t packet : {1472, 8972})
                    for (const behaviour& b : behaviours()) {
                        const setup s{rate, burst_size, ratio, packet};
                        check_windows(run(s, b, 2000), s, b.name);
                    }
}

/// The rate from the first packet to the last, the last burst left out.
void check_rate(const setup& s, const behaviour& b, std::size_t calls) {
    const std::vector<sending> all = run(s, b, calls);
    double bytes = 0;
    for (const sending& one : all) bytes += static_cast<double>(one.bytes);
    bytes -= static_cast<double>(all.back().bytes);
    const std::chrono::duration<double> took = all.back().start - all.front().start;
    const double ratio = bytes / took.count() / s.rate;
    if (std::abs(ratio - 1.0) > 0.001)
        fail(b.name + ", " + s.text() + ": " + std::to_string(ratio) + " of the rate");
}

void the_average_is_the_rate_though_packets_are_late() {
    for (const double rate : {1e7, 1e8, 1e9, 2e9}) {
        for (const std::size_t burst_size : {8192, 65536, 1 << 20}) {
            setup s;
            s.rate = rate;
            s.burst_size = burst_size;
            const double length = static_cast<double>(burst_size) / rate;
            const auto late = up_to(us(30));
            const auto call = always(us(3 + 0.1e6 * length));
            // 1 ms in 100.
            const auto n = static_cast<unsigned>(std::max(2.0, 0.1 / length));
            const auto stuck = always(us(1000));
            const auto calls = std::max(std::size_t{5000}, static_cast<std::size_t>(3.0 / length));
            check_rate(s, {"usual delays", late, call}, calls);
            check_rate(s, {"rarely late", sometimes(n, stuck, late), call}, calls);
            check_rate(s, {"rarely stuck", late, sometimes(n, stuck, call)}, calls);
        }
    }
    // A burst that the transport takes in parts over most of its length.
    setup s;
    s.burst_size = 1 << 20;
    check_rate(s,
               {.name = "parts",
                .late = up_to(us(30)),
                .call = always(us(30)),
                .taken = [](std::size_t n) { return std::min<std::size_t>(n, 180); },
                .until_more = always(us(2000))},
               20000);
    // Heaps that are a little larger than a burst, the next at once when one is sent.
    check_rate(setup(),
               {.name = "heaps in turn",
                .late = up_to(us(30)),
                .call = always(us(8)),
                .heap = heaps_of(45, 45)},
               20000);
}

/// Takes packets slowly, and only some of them, in a way that is the same in every run.
class slow_transport final : public transport {
public:
    slow_transport(behaviour how, std::vector<sending>& log) : how_(std::move(how)), log_(log) {}
    [[nodiscard]] std::size_t num_substreams() const noexcept override { return 1; }
    [[nodiscard]] std::string describe() const override { return "slow"; }
    [[nodiscard]] send_result send(packet_span packets) noexcept override {
        if (std::exchange(partial_, false)) pass(how_.until_more());
        sending one{rate_limiter::clock::now(), {}, 0};
        pass(how_.call());
        send_result result;
        const std::size_t n = packets.packets.size();
        result.accepted = result.released = how_.taken(n);
        for (const packet& p : packets.packets.first(result.accepted)) one.bytes += p.size;
        partial_ = result.accepted < n;
        if (partial_) result.wait = wait_for::again;
        one.end = rate_limiter::clock::now();
        log_.push_back(one);
        return result;
    }

private:
    static void pass(nanoseconds time) noexcept {
        const time_point end = rate_limiter::clock::now() + time;
        while (rate_limiter::clock::now() < end) {
        }
    }

    behaviour how_;
    std::vector<sending>& log_;
    bool partial_ = false;  ///< the last time
};

void streams_keep_to_it_with_a_slow_transport() {
    const std::vector<std::uint8_t> data(300'000);
    const auto make_heap = [&](std::size_t size) {
        heap h;
        h.add_item(0x1000, data.data(), size, false);
        return h;
    };
    const auto pool = std::make_shared<spead2::thread_pool>(1);
    for (const behaviour& b : behaviours()) {
        for (const double rate : {1e8, 1e9}) {
            setup s;
            s.rate = rate;
            std::vector<sending> log;
            {
                stream out(pool, stream_config().set_rate(rate).set_max_heaps(100),
                           std::make_unique<slow_transport>(b, log));
                for (int turn = 0; turn < 3; ++turn) {
                    // By a worker, in a group, and by this thread, large and small.
                    out.async_send_heap(make_heap(300'000), [](std::error_code, std::uint64_t) {});
                    const std::vector<heap_reference> group(20, {make_heap(8000).contents()});
                    out.send_heaps(group, group_mode::round_robin);
                    for (int i = 0; i < 30; ++i) out.send_heap(make_heap(8000));
                }
            }
            check_windows(log, s, "stream, " + b.name);
        }
    }
}

}  // namespace

int main() {
    no_window_has_too_much_whatever_is_late();
    the_average_is_the_rate_though_packets_are_late();
    streams_keep_to_it_with_a_slow_transport();
    if (failures == 0) std::puts("all held");
    return failures == 0 ? 0 : 1;
}
