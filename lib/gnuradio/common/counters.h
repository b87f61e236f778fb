// SPDX-License-Identifier: GPL-3.0-or-later
// What a sink counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include <gnuradio/logger.h>
#include <pmt/pmt.h>

#include "common_counts.h"

namespace gr::spead2 {

struct counters : common_counts {
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
    void start_rate() { common_counts::start_rate(bytes_sent.load()); }
    /// The counts, and what all have in common. Not at the same time as start_rate().
    [[nodiscard]] pmt::pmt_t dictionary();
};

}  // namespace gr::spead2
