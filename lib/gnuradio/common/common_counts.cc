// SPDX-License-Identifier: GPL-3.0-or-later
#include "common_counts.h"

namespace gr::spead2 {

void log_limiter::warn(const std::string& message) {
    const std::lock_guard lock(mutex_);
    const clock::time_point now = clock::now();
    if (now < next_) {
        ++kept_back_;
        last_ = message;
        return;
    }
    next_ = now + std::chrono::seconds(1);
    write(message);
}

void log_limiter::flush() {
    const std::lock_guard lock(mutex_);
    if (kept_back_ == 0) return;
    // The last of those kept back, which write() takes off their number.
    --kept_back_;
    next_ = clock::now() + std::chrono::seconds(1);
    write(last_);
}

void log_limiter::write(const std::string& message) {
    // The logger's own functions take constant texts only in newer GNU Radios. The macros do not
    // format and take any.
    std::string text = message;
    if (kept_back_ != 0) text += " (and " + std::to_string(kept_back_) + " more like it)";
    GR_LOG_WARN(logger_, text);
    kept_back_ = 0;
}

std::string common_counts::error() const {
    const std::lock_guard lock(error_mutex_);
    return error_;
}

void common_counts::set_error(const std::string& message) {
    const std::lock_guard lock(error_mutex_);
    if (error_.empty()) error_ = message;
    last_error_ = message;
}

std::string common_counts::last_error() const {
    const std::lock_guard lock(error_mutex_);
    return last_error_;
}

void common_counts::set_last_error(const std::string& message) {
    const std::lock_guard lock(error_mutex_);
    last_error_ = message;
}

void common_counts::start_rate(std::uint64_t bytes) {
    rate_start_ = clock::now();
    rate_bytes_ = bytes;
}

pmt::pmt_t common_counts::add_common(const pmt::pmt_t& dictionary, std::uint64_t bytes) {
    const std::uint64_t bytes_before = rate_bytes_;
    const clock::time_point since = rate_start_;
    start_rate(bytes);
    const double seconds = std::chrono::duration<double>(rate_start_ - since).count();
    const double rate = seconds > 0 ? static_cast<double>(bytes - bytes_before) / seconds : 0;
    const pmt::pmt_t d = pmt::dict_add(dictionary, pmt::mp("last_error"), pmt::mp(last_error()));
    return pmt::dict_add(d, pmt::mp("rate"), pmt::from_double(rate));
}

}  // namespace gr::spead2
