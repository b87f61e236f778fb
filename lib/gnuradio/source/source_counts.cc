// SPDX-License-Identifier: GPL-3.0-or-later
#include "source_counts.h"

namespace gr::spead2 {

std::string source_counts::error() const {
    const std::lock_guard lock(error_mutex_);
    return error_;
}

std::string source_counts::last_error() const {
    const std::lock_guard lock(error_mutex_);
    return last_error_;
}

void source_counts::set_last_error(const std::string& message) {
    const std::lock_guard lock(error_mutex_);
    last_error_ = message;
}

void source_counts::set_error(const std::string& message) {
    const std::lock_guard lock(error_mutex_);
    if (error_.empty()) error_ = message;
    last_error_ = message;
}

void source_counts::start_rate() {
    rate_start_ = clock::now();
    rate_bytes_ = bytes_received.load();
}

pmt::pmt_t source_counts::dictionary() {
    const std::uint64_t bytes = rate_bytes_;
    const clock::time_point since = rate_start_;
    start_rate();
    const double seconds = std::chrono::duration<double>(rate_start_ - since).count();
    const double rate = seconds > 0 ? static_cast<double>(rate_bytes_ - bytes) / seconds : 0;
    pmt::pmt_t d = pmt::make_dict();
    const auto add = [&](const char* name, const count& c) {
        d = pmt::dict_add(d, pmt::mp(name), pmt::from_uint64(c.load()));
    };
    add("heaps_received", heaps_received);
    add("bytes_received", bytes_received);
    add("heaps_lost", heaps_lost);
    add("samples_lost", samples_lost);
    add("samples_filled", samples_filled);
    add("heaps_late", heaps_late);
    add("bad_heaps", bad_heaps);
    add("heaps_undescribed", heaps_undescribed);
    add("restarts", restarts);
    d = pmt::dict_add(d, pmt::mp("last_error"), pmt::mp(last_error()));
    return pmt::dict_add(d, pmt::mp("rate"), pmt::from_double(rate));
}

}  // namespace gr::spead2
