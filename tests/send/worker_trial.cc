// SPDX-License-Identifier: Apache-2.0
// Which way of sending is chosen, over made-up times: of two threads and of one, with pauses, and when
// things change.
#include "send/driver/worker_trial.h"

#include <chrono>
#include <cstdio>
#include <functional>

#include "expect.h"

namespace {

using spead2::send::detail::worker_trial;
using clock = worker_trial::clock;

/// What a window takes, in microseconds, by its number and by who sends.
using duration_of = std::function<double(int window, bool worker)>;

/// A trial, and the time.
struct run {
    worker_trial trial;
    clock::time_point now{std::chrono::hours(1)};
    int window = 0;

    /// \return in how many of so many windows the worker sent
    int windows(int count, const duration_of& duration) {
        int by_worker = 0;
        for (int i = 0; i < count; ++i) {
            const bool worker = trial.worker();
            by_worker += worker ? 1 : 0;
            EXPECT(!trial.add(worker_trial::window - 1));
            EXPECT(trial.add(1));
            now += std::chrono::nanoseconds(static_cast<long>(1e3 * duration(window++, worker)));
            trial.end_window(now);
        }
        return by_worker;
    }
};

constexpr int trying = 2 * worker_trial::measured;

}  // namespace

int main() {
    {  // two threads are faster: soon, and nearly always
        run r;
        const auto faster = [](int, bool worker) { return worker ? 200.0 : 280.0; };
        EXPECT(r.windows(worker_trial::measured, faster) == 0);
        EXPECT(r.windows(worker_trial::measured, faster) == worker_trial::measured);
        EXPECT(r.windows(50, faster) == 50);
        EXPECT(r.windows(20'000, faster) > 19'600);
    }
    {  // not by enough, or slower by much: hardly ever
        for (const double worker_takes : {260.0, 2'000.0}) {
            run r;
            const auto slower = [&](int, bool worker) { return worker ? worker_takes : 280.0; };
            EXPECT(r.windows(trying, slower) == worker_trial::measured);
            const int tried = r.windows(20'000, slower);
            EXPECT(tried > 0);
            EXPECT(tried < 60);
        }
    }
    {  // a program that pauses between heaps is not mistaken for one that sends slowly
        run r;
        const auto pausing = [](int window, bool) { return window % 3 == 0 ? 250.0 : 5'000.0; };
        EXPECT(r.windows(2'000, pausing) < 100);
    }
    {  // another program takes the other core, and gives it back
        run r;
        bool busy = false;
        const auto at_times = [&](int, bool worker) {
            return worker ? busy ? 900.0 : 200.0 : 280.0;
        };
        EXPECT(r.windows(10'000, at_times) > 9'000);
        busy = true;
        static_cast<void>(r.windows(270, at_times));  // soon
        EXPECT(r.windows(1'000, at_times) < 100);
        busy = false;
        static_cast<void>(r.windows(4'200, at_times));
        EXPECT(r.windows(1'000, at_times) > 900);
    }
    if (failures != 0) return 1;
    std::puts("all held");
    return 0;
}
