// SPDX-License-Identifier: GPL-3.0-or-later
// What a source counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include <gnuradio/logger.h>
#include <pmt/pmt.h>

#include "common/common_counts.h"

namespace gr::spead2 {

struct source_counts : common_counts {
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
    void start_rate() { common_counts::start_rate(bytes_received.load()); }
    /// The counts, and what all have in common. Not at the same time as start_rate().
    [[nodiscard]] pmt::pmt_t dictionary();
};

}  // namespace gr::spead2
