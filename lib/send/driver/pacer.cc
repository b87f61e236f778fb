// SPDX-License-Identifier: Apache-2.0
#include "pacer.h"

namespace spead2::send::detail {
namespace {

/// How much of the packets the first \a n are, by bytes.
[[nodiscard]] double part_of(std::span<const packet> packets, std::size_t n) noexcept {
    if (n == packets.size()) return 1.0;
    const auto bytes = [](std::span<const packet> some) {
        std::size_t sum = 0;
        for (const packet& p : some) sum += p.size;
        return static_cast<double>(sum);
    };
    return bytes(packets.first(n)) / bytes(packets);
}

}  // namespace

bool pacer::open(double seconds_per_byte) noexcept {
    if (limiter_.exhausted()) {
        const time_point now = rate_limiter::clock::now();
        if (now < limiter_.next()) {
            ran_empty_ = false;  // nothing was missed
            closed_ = true;
            return false;
        }
        if (ran_empty_) limiter_.idle(now, seconds_per_byte);
        limiter_.start(seconds_per_byte);
    } else if (ran_empty_) {
        limiter_.idle(rate_limiter::clock::now(), seconds_per_byte);
    }
    ran_empty_ = false;
    open_ = true;
    return true;
}

void pacer::sent(std::span<const packet> packets, std::size_t accepted) noexcept {
    last_sent_ = time_point::max();
    if (!limiter_.unsent()) return;
    last_sent_ = rate_limiter::clock::now();
    limiter_.sent(last_sent_, part_of(packets, accepted));
}

}  // namespace spead2::send::detail
