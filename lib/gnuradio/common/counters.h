// SPDX-License-Identifier: GPL-3.0-or-later
// What a sink counts, and log messages that come at most once a second.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

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

struct counters {
    explicit counters(gr::logger_ptr logger)
        : bad_tag_log(logger), send_error_log(logger), restart_log(logger) {}

    std::atomic<std::uint64_t> heaps_sent{0};
    std::atomic<std::uint64_t> bytes_sent{0};
    std::atomic<std::uint64_t> heaps_failed{0};
    std::atomic<std::uint64_t> samples_dropped{0};
    std::atomic<std::uint64_t> bad_tags{0};
    std::atomic<std::uint64_t> restarts{0};
    std::atomic<std::uint64_t> samples_padded{0};
    std::atomic<std::uint64_t> held_back_ns{0};
    std::atomic<std::uint64_t> in_queue{0};
    log_limiter bad_tag_log;
    log_limiter send_error_log;
    log_limiter restart_log;

    void bad_tag(const std::string& message) {
        bad_tags.fetch_add(1, std::memory_order_relaxed);
        set_last_error(message);
        bad_tag_log.warn(message);
    }
    void send_error(const std::string& message) {
        set_last_error(message);
        send_error_log.warn(message);
    }
    void restart(const std::string& message) {
        restarts.fetch_add(1, std::memory_order_relaxed);
        restart_log.warn(message);
    }
    void flush_logs() {
        bad_tag_log.flush();
        send_error_log.flush();
        restart_log.flush();
    }
    /// Seconds that the flowgraph was held back.
    [[nodiscard]] double held_back() const noexcept {
        return 1e-9 * static_cast<double>(held_back_ns.load());
    }
    [[nodiscard]] std::string error() const;
    [[nodiscard]] std::string last_error() const;
    void set_last_error(const std::string& message);
    /// The first reason to stop stays.
    void set_error(const std::string& message);

    /// The time from which on the next dictionary has the rate. Not at the same time as dictionary().
    void start_rate();
    /// Dictionary of the counts, and "rate": bytes per second since the last one.
    [[nodiscard]] pmt::pmt_t dictionary();

private:
    using clock = std::chrono::steady_clock;
    clock::time_point rate_start_{};
    std::uint64_t rate_bytes_ = 0;
    mutable std::mutex error_mutex_;
    std::string error_;
    std::string last_error_;
};

}  // namespace gr::spead2
