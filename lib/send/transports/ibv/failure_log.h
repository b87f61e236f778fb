// SPDX-License-Identifier: Apache-2.0
// Errors of an ibverbs sender in the log, at most one a second: every packet may fail.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <spead2/base/log.h>

namespace spead2::send::detail {

class failure_log {
public:
    void set_name(const std::string& name) { name_ = name; }

    void add(const std::string& text) noexcept {
        const clock::time_point now = clock::now();
        if (now - last_ < std::chrono::seconds(1)) {
            ++untold_;
            return;
        }
        std::string line = name_ + ": " + text;
        if (untold_ != 0)
            line += " (" + std::to_string(untold_) + " other failures since the last report)";
        log_message(log_level::error, line);
        last_ = now;
        untold_ = 0;
    }
    /// What happens so rarely that it is always told.
    void tell(log_level level, const std::string& text) const noexcept {
        log_message(level, name_ + ": " + text);
    }

private:
    using clock = std::chrono::steady_clock;

    std::string name_;
    clock::time_point last_{};
    std::uint64_t untold_ = 0;
};

}  // namespace spead2::send::detail
