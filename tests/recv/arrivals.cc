// SPDX-License-Identifier: Apache-2.0
// When a socket that has nothing more is looked at again: soon where messages come often, else when
// it says so; never so late that its buffer could overflow.
#include "recv/readers/arrivals.h"

#include "../expect.h"

using spead2::recv::arrivals;
using std::chrono::microseconds;

namespace {

constexpr std::size_t large_buffer = std::size_t{8} << 20;

/// So many messages one after another, each after the same time.
arrivals::duration after(arrivals& a, int n, arrivals::duration interval, std::size_t bytes) {
    auto now = arrivals::time_point(std::chrono::hours(1));
    for (int i = 0; i < n; ++i) a.drained(now += interval, 1, bytes);
    return a.pause();
}

void messages_that_come_often_are_not_waited_for() {
    arrivals a(large_buffer);
    EXPECT(a.pause() == arrivals::duration::zero());  // nothing is known yet
    EXPECT(after(a, 1, microseconds(1), 1024) == arrivals::duration::zero());  // one is no flow
    EXPECT(after(a, 40, microseconds(10), 1024) == arrivals::longest);
}

void seldom_messages_are_waited_for() {
    arrivals a(large_buffer);
    EXPECT(after(a, 40, microseconds(200), 65000) == arrivals::duration::zero());
    // Several at once are as many.
    auto now = arrivals::time_point(std::chrono::hours(2));
    for (int i = 0; i < 40; ++i) a.drained(now += microseconds(200), 20, 20 * 65000);
    EXPECT(a.pause() == arrivals::longest);
}

void after_a_pause_in_vain_messages_are_waited_for() {
    arrivals a(large_buffer);
    EXPECT(after(a, 40, microseconds(10), 1024) != arrivals::duration::zero());
    a.missed();
    EXPECT(a.pause() == arrivals::duration::zero());
}

void a_small_buffer_does_not_overflow() {
    // 6.5 kB a microsecond: a quarter of 212,992 bytes in 8 us.
    arrivals small(212'992);
    const auto pause = after(small, 60, microseconds(10), 65000);
    EXPECT(pause > microseconds(7) && pause < microseconds(9));
    arrivals tiny(16'384);
    EXPECT(after(tiny, 60, microseconds(10), 65000) == arrivals::duration::zero());
    // What comes without payload takes no room.
    arrivals empty(large_buffer);
    EXPECT(after(empty, 60, microseconds(10), 0) == arrivals::longest);
}

}  // namespace

int main() {
    messages_that_come_often_are_not_waited_for();
    seldom_messages_are_waited_for();
    after_a_pause_in_vain_messages_are_waited_for();
    a_small_buffer_does_not_overflow();
    if (failures == 0) std::puts("all held");
    return failures == 0 ? 0 : 1;
}
