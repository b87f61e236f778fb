// SPDX-License-Identifier: GPL-3.0-or-later
// What sinks and sources count alike: errors and the rate; and log messages that come at most once a
// second.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include <gnuradio/logger.h>
#include <pmt/pmt.h>

namespace gr::spead2 {

/// Passes a message on, unless one went within the last second: then it only counts it.
class log_limiter {
public:
    explicit log_limiter(gr::logger_ptr logger) : logger_(std::move(logger)) {}
    void warn(const std::string& message);
    /// Tell how many were kept back since the last message, if any.
    void flush();

private:
    using clock = std::chrono::steady_clock;
    void write(const std::string& message);

    std::mutex mutex_;
    gr::logger_ptr logger_;
    clock::time_point next_{};
    std::uint64_t kept_back_ = 0;
    std::string last_;
};

class common_counts {
public:
    [[nodiscard]] std::string error() const;
    [[nodiscard]] std::string last_error() const;
    void set_last_error(const std::string& message);
    /// The first reason to stop stays.
    void set_error(const std::string& message);

protected:
    /// The time from which on the next rate counts, and the bytes until then.
    void start_rate(std::uint64_t bytes);
    /// Add the last error, and "rate": bytes per second since the last one. Not at the same time as
    /// start_rate().
    [[nodiscard]] pmt::pmt_t add_common(const pmt::pmt_t& dictionary, std::uint64_t bytes);

private:
    using clock = std::chrono::steady_clock;
    clock::time_point rate_start_{};
    std::uint64_t rate_bytes_ = 0;
    mutable std::mutex error_mutex_;
    std::string error_;
    std::string last_error_;
};

}  // namespace gr::spead2
