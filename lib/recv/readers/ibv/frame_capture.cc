// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/readers/frame_capture.h>

#include "queue_setup.h"

#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <span>
#include <system_error>
#include <utility>

#include <spead2/base/log.h>

#include "frames.h"
#include "memberships.h"
#include "net/capture_format.h"
#include "net/completion_wait.h"

namespace spead2::recv {

class frame_capture::impl {
    using clock = std::chrono::steady_clock;

public:
    explicit impl(const udp_ibv_reader_options& options)
        : local_(detail::interface_of(options)),
          device_(local_),
          queue_(device_, detail::queue_parameters(options, local_)),
          wanted_(detail::queue_parameters(options, local_).endpoints),
          waiting_(queue_.completions()),
          name_(detail::queue_name(options, device_)) {
        waiting_.set_name(name_);
        queue_.steer();
        groups_.join(options.endpoints, local_);
    }

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    [[nodiscard]] std::size_t read(std::chrono::nanoseconds limit, std::size_t most,
                                   std::vector<std::uint8_t>& records) {
        const std::lock_guard lock(mutex_);
        const clock::time_point end = clock::now() + limit;
        std::size_t count = 0;
        do {
            if (next_ == completions_.size() && !find(end)) break;
            count += record(most - count, records);
            if (const std::error_code error = queue_.flush()) mend(error.message());
            if (next_ == completions_.size() && !failure_.empty())
                mend(std::exchange(failure_, {}));
        } while (count == 0);
        return count;
    }

private:
    /// Completions that are looked for at once.
    static constexpr std::size_t poll_batch = 64;

    /// Wait until there are completions. \return false if there were none up to \a end
    [[nodiscard]] bool find(clock::time_point end) {
        bool slept = false;
        bool last_look = false;  // the interrupt has been asked for
        for (;;) {
            const int n = queue_.completions().poll(room_);
            if (n < 0) mend("the completion queue is broken");
            if (n > 0) {
                if (waiting_.armed()) waiting_.take_event(slept);
                completions_ = std::span(room_).first(static_cast<std::size_t>(n));
                next_ = 0;
                return true;
            }
            const clock::time_point now = clock::now();
            if (now >= end) return false;
            if (!last_look) {
                if (waiting_.armed()) waiting_.take_event(false);
                last_look = waiting_.begin();
                continue;
            }
            waiting_.sleep(now);
            pollfd wanted{waiting_.fd(), POLLIN, 0};
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now);
            ::poll(&wanted, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1000)));
            slept = waiting_.take_slept();
            last_look = false;
        }
    }

    /// \return how many frames of the completions were written
    [[nodiscard]] std::size_t record(std::size_t most, std::vector<std::uint8_t>& records) {
        const std::chrono::nanoseconds now = std::chrono::system_clock::now().time_since_epoch();
        std::size_t count = 0;
        for (; next_ != completions_.size() && count != most; ++next_) {
            const ibv_wc& completion = completions_[next_];
            if (completion.status == IBV_WC_SUCCESS) {
                const std::span<const std::uint8_t> frame = queue_.frame(completion);
                if (!wanted_.payload(frame).empty()) {
                    const capture_record_header header(now, frame.size());
                    const auto* const begin = reinterpret_cast<const std::uint8_t*>(&header);
                    records.insert(records.end(), begin, begin + sizeof header);
                    records.insert(records.end(), frame.begin(), frame.end());
                    ++count;
                }
            } else if (completion.status != IBV_WC_LOC_LEN_ERR) {
                // The queue has stopped, and comes back with all that was to be filled.
                failure_ = verbs_library::get().wc_status_str(completion.status);
                continue;
            }
            queue_.give_back(completion.wr_id);
        }
        if (count != 0) mended_ = 0;
        return count;
    }

    /// Begin anew with what stopped because of \a why.
    void mend(const std::string& why) {
        const std::error_code error = queue_.restart();
        if (error || ++mended_ > detail::most_mended)
            throw std::system_error(error ? error : std::make_error_code(std::errc::io_error),
                                    name_ + ": " + why);
        log_message(log_level::warning,
                    name_ + ": " + why + "; capturing goes on with a new queue");
        completions_ = {};
        next_ = 0;
        waiting_.reset();
    }

    const in_addr local_;
    const verbs_device device_;
    detail::receive_queue queue_;
    detail::wanted_frames wanted_;
    completion_wait waiting_;
    detail::memberships groups_;
    const std::string name_;
    std::mutex mutex_;
    std::array<ibv_wc, poll_batch> room_;
    std::span<const ibv_wc> completions_;  ///< found
    std::size_t next_ = 0;                 ///< of them
    std::string failure_;                  ///< why the queue has stopped; empty if it has not
    int mended_ = 0;                       ///< times without a packet in between
};

frame_capture::frame_capture(const udp_ibv_reader_options& options)
    : impl_(std::make_unique<impl>(options)) {}

std::size_t frame_capture::read(std::chrono::nanoseconds limit, std::size_t most,
                                std::vector<std::uint8_t>& records) {
    return impl_->read(limit, most, records);
}

std::string frame_capture::describe() const { return impl_->name(); }

}  // namespace spead2::recv

#else

namespace spead2::recv {

class frame_capture::impl {};

frame_capture::frame_capture(const udp_ibv_reader_options& options) {
    static_cast<void>(detail::interface_of(options));
    detail::no_ibverbs();
}

// No object was ever made.
std::size_t frame_capture::read(std::chrono::nanoseconds, std::size_t, std::vector<std::uint8_t>&) {
    return 0;
}
std::string frame_capture::describe() const { return {}; }

}  // namespace spead2::recv

#endif

namespace spead2::recv {
frame_capture::~frame_capture() = default;
}  // namespace spead2::recv
