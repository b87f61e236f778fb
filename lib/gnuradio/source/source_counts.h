// SPDX-License-Identifier: GPL-3.0-or-later
// What a source counts.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include <gnuradio/logger.h>
#include <pmt/pmt.h>

#include "common/counters.h"

namespace gr::spead2 {

struct source_counts {
    using count = std::atomic<std::uint64_t>;
    explicit source_counts(const gr::logger_ptr& logger)
        : bad_heap_log(logger), lost_log(logger), undescribed_log(logger) {}

    count heaps_received{0};
    count bytes_received{0};
    count heaps_lost{0};
    count samples_lost{0};
    count samples_filled{0};
    count heaps_late{0};
    count bad_heaps{0};
    count heaps_undescribed{0};
    count restarts{0};
    log_limiter bad_heap_log;
    log_limiter lost_log;
    log_limiter undescribed_log;

    void bad_heap(const std::string& message) {
        bad_heaps.fetch_add(1, std::memory_order_relaxed);
        set_last_error(message);
        bad_heap_log.warn(message);
    }
    void lost(const std::string& message) {
        set_last_error(message);
        lost_log.warn(message);
    }
    void undescribed(const std::string& message) {
        heaps_undescribed.fetch_add(1, std::memory_order_relaxed);
        undescribed_log.warn(message);
    }
    void flush_logs() {
        bad_heap_log.flush();
        lost_log.flush();
        undescribed_log.flush();
    }
    [[nodiscard]] std::string error() const;
    [[nodiscard]] std::string last_error() const;
    void set_last_error(const std::string& message);
    /// The first reason to stop stays.
    void set_error(const std::string& message);

    void start_rate();
    /// Dictionary of the counts, and "rate": bytes per second since the last one. Not at the same
    /// time as start_rate().
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
