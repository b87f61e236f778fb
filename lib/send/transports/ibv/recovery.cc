// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "recovery.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace spead2::send::detail {
namespace {

// Stopping a queue is a matter of microseconds.
constexpr std::chrono::milliseconds stop_patience{100};

[[nodiscard]] std::error_code error_of(ibv_wc_status status) noexcept {
    switch (status) {
        case IBV_WC_LOC_LEN_ERR:
            return std::make_error_code(std::errc::message_size);
        case IBV_WC_LOC_PROT_ERR:
            return std::make_error_code(std::errc::bad_address);
        default:
            return std::make_error_code(std::errc::io_error);
    }
}

}  // namespace

void recovery::fail_request(const completions::failed_request& failure) noexcept {
    const ibv_wc& completion = failure.completion;
    log_.add(std::string("a packet could not be sent: ") +
             verbs_library::get().wc_status_str(completion.status) + " (vendor error " +
             std::to_string(completion.vendor_err) + ")");
    books_.mark_failed(failure.at, error_of(completion.status));
    restart();
    books_.report();
}

/// Start the queue again and post what the device has not done. Packets that have failed are left
/// out.
void recovery::restart() noexcept {
    std::error_code error = queue_.restart();
    if (error) error = queue_.rebuild();
    if (error) {
        give_up(error);
        return;
    }
    const std::size_t end = ring_.in_flight();
    books_.set_unsignaled(0);
    for (std::size_t i = books_.finished(); i != end;) {
        std::size_t n = 0;
        while (i + n != end && !ring_[i + n].error) ++n;
        if (n != 0) books_.post(i, n);
        i += n;
        for (; i != end && ring_[i].error; ++i) books_.add_unsignaled(1);
    }
}

void recovery::drain() noexcept {
    const std::size_t n = ring_.in_flight();
    if (books_.marked() == n) {  // it took none
        books_.finish(n);
        books_.report();
        return;
    }
    std::size_t sent = n;
    if (!stop_and_look(sent)) {
        for (std::size_t i = 0; i != n; ++i)
            if (!ring_[i].error) books_.mark_failed(i, std::make_error_code(std::errc::io_error));
        sent = n;
    }
    books_.finish(sent);
    restart();
    books_.report();
}

/// In the error state the device completes whatever it has not sent with an error, then a marker,
/// which is the youngest in flight, one that was refused.
/// \param sent  becomes how many of the oldest were sent  \return whether that is known
bool recovery::stop_and_look(std::size_t& sent) noexcept {
    using clock = std::chrono::steady_clock;
    if (queue_.stop()) return false;
    const std::size_t last = ring_.in_flight() - 1;
    slot& marker = ring_[last];
    marker.request.send_flags |= IBV_SEND_SIGNALED;
    ibv_send_wr* const after = std::exchange(marker.request.next, nullptr);
    ibv_send_wr* bad = nullptr;
    const bool posted = queue_.post(&marker.request, bad) == 0;
    marker.request.next = after;
    if (!posted) return false;
    const clock::time_point limit = clock::now() + stop_patience;
    while (clock::now() < limit) {
        ibv_wc completion;
        const int got = queue_.completions().poll({&completion, 1});
        if (got < 0) break;
        if (got == 0) continue;
        const std::size_t at = ring_.position(completion.wr_id);
        if (at == last) return true;
        sent = std::min(sent, at);
    }
    return false;
}

void recovery::fail_in_flight(const std::error_code& reason) noexcept {
    books_.fail_all(reason);
    if (const std::error_code error = queue_.rebuild()) give_up(error);
    books_.report();
}

/// The device does not recover. Whatever is in flight has failed, and so will all that follows.
void recovery::give_up(const std::error_code& error) noexcept {
    log_.tell(log_level::error, "the device does not recover: " + error.message());
    close(error);
    books_.fail_all(error);
    books_.set_unsignaled(0);
}

}  // namespace spead2::send::detail

#endif
