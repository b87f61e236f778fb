// SPDX-License-Identifier: Apache-2.0
#include "log_book.h"

namespace spead2::recv {

bool log_limiter::admit() noexcept {
    const clock::time_point now = clock::now();
    if (now - begin_ >= std::chrono::seconds(1)) {
        begin_ = now;
        admitted_ = 0;
    }
    if (admitted_ < per_second) {
        ++admitted_;
        return true;
    }
    ++left_out_;
    return false;
}

std::uint64_t log_limiter::take_left_out(bool now) noexcept {
    if (left_out_ == 0) return 0;
    // While messages are admitted again the second is over.
    if (!now && admitted_ == per_second && clock::now() - begin_ < std::chrono::seconds(1))
        return 0;
    return std::exchange(left_out_, 0);
}

std::string log_limiter::text(std::uint64_t left_out) {
    return std::to_string(left_out) + " more log messages were left out (a stream logs at most " +
           std::to_string(per_second) + " a second)";
}

}  // namespace spead2::recv
