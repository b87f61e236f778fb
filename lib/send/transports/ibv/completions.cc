// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "completions.h"

#include <algorithm>
#include <iterator>

namespace spead2::send::detail {

void completions::post(std::size_t first, std::size_t n) noexcept {
    slot& last = ring_[first + n - 1];
    last.request.send_flags |= IBV_SEND_SIGNALED;
    ibv_send_wr* const after = std::exchange(last.request.next, nullptr);
    const std::size_t end = first + n;
    while (first != end) {
        ibv_send_wr* bad = nullptr;
        const int code = queue_.post(&ring_[first].request, bad);
        if (code == 0) {
            unsignaled_ = 0;
            break;
        }
        // What was taken before it went without asking for a completion.
        const std::size_t refused = bad != nullptr ? ring_.position(bad->wr_id) : first;
        const std::error_code error(code, std::generic_category());
        log_.add("a packet was refused: " + error.message());
        mark_failed(refused, error);
        unsignaled_ += refused + 1 - first;
        first = refused + 1;
    }
    last.request.next = after;
}

completions::outcome completions::poll() noexcept {
    if (failed_ != 0) return outcome::fine;
    if (finished_ != 0) report();
    if (ring_.in_flight() == 0 || failed_ != 0) return outcome::fine;
    ibv_wc found[16];
    int n = 0;
    do {
        n = queue_.completions().poll(found);
        if (n < 0) return outcome::broken;
        // All of them before anything is reported: they are off the queue and do not come again.
        for (int i = 0; i < n; ++i) {
            // Completions come in order, so this one stands for all before it.
            const std::size_t at = ring_.position(found[i].wr_id);
            finished_ = at + 1;
            if (found[i].status != IBV_WC_SUCCESS) {
                failed_request_ = {at, found[i]};
                return outcome::failed;  // the restart drops what is behind it
            }
        }
        report();
    } while (n == static_cast<int>(std::size(found)) && failed_ == 0);
    return outcome::fine;
}

void completions::mark_failed(std::size_t i, const std::error_code& error) noexcept {
    slot& s = ring_[i];
    if (!s.error) ++marked_;
    s.error = error;
}

void completions::fail_all(const std::error_code& error) noexcept {
    for (std::size_t i = finished_; i != ring_.in_flight(); ++i) mark_failed(i, error);
    finished_ = ring_.in_flight();
}

void completions::report() noexcept {
    if (marked_ == 0) {
        leave(finished_);
        return;
    }
    std::size_t n = 0;
    while (n != finished_ && !ring_[n].error) ++n;
    leave(n);
    for (; finished_ != 0 && ring_[0].error; --marked_, --sent_, ++failed_) {
        slot& s = ring_[0];
        if (failed_ != 0 && (s.error != error_ || s.substream != failed_substream_)) break;
        error_ = std::exchange(s.error, {});
        failed_substream_ = s.substream;
        leave(1);
    }
}

/// The \a n oldest packets in flight are done; their slots are free.
void completions::leave(std::size_t n) noexcept {
    if (n == 0) return;
    ring_.retire(n);
    finished_ -= n;
    unsignaled_ = std::min(unsignaled_, ring_.in_flight());
    sent_ += n;
    progress_ = true;
}

void completions::take(send_result& result) noexcept {
    result.released += std::exchange(sent_, 0);
    result.failed = std::exchange(failed_, 0);
    if (result.failed == 0) return;
    result.error = error_;
    result.failed_substream = failed_substream_;
}

void completions::clear() noexcept {
    ring_.clear();
    finished_ = unsignaled_ = marked_ = sent_ = failed_ = 0;
}

}  // namespace spead2::send::detail

#endif
