// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/readers/udp_ibv.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include <spead2/base/errors.h>
#include <spead2/wire/limits.h>

#include "ibv/queue_setup.h"
#include "net/socket.h"

#ifdef SPEAD2_HAVE_IBVERBS_HEADERS
#include "ibv/frames.h"
#include "ibv/memberships.h"
#include "ibv/receive_queue.h"
#include "net/completion_wait.h"
#endif

namespace spead2::recv {
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

namespace {

/// Completions that are looked for at once.
constexpr std::size_t poll_batch = 64;

/// Polls before other work has a turn, however large max_poll is.
constexpr int polls_a_turn = 1000;

/// Bytes that a frame counts as at least, in what one turn may take.
constexpr std::size_t least_bytes = 64;

}  // namespace

class udp_ibv_reader::impl {
public:
    impl(const udp_ibv_reader_options& options, const in_addr& local)
        : options_(options),
          local_(local),
          device_(local),
          queue_(device_, detail::queue_parameters(options, local)),
          wanted_(detail::queue_parameters(options, local).endpoints),
          waiting_(queue_.completions()),
          name_(detail::queue_name(options, device_)) {
        waiting_.set_name(name_);
    }

    void start() {
        queue_.steer();
        groups_.join(options_.endpoints, local_);
    }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    void close() noexcept {
        queue_.close();
        groups_.leave();
    }

    [[nodiscard]] read_wait read(intake& to) {
        bool slept = waiting_.take_slept();
        bool last_look = false;  // the interrupt has been asked for
        int polls = 0;
        for (std::size_t bytes = 0; bytes < bounded_bytes;) {
            if (taken_ == found_) {
                const int n = queue_.completions().poll(completions_);
                if (n < 0) return mend(to, "the completion queue is broken");
                if (n == 0) {
                    if (last_look) {
                        waiting_.sleep(std::chrono::steady_clock::now());
                        return {.what = read_wait::kind::readable, .fd = waiting_.fd()};
                    }
                    if (++polls < std::min(options_.max_poll, polls_a_turn)) continue;
                    if (waiting_.armed()) waiting_.take_event(false);
                    last_look = waiting_.begin();
                    if (!last_look) return {};
                    continue;
                }
                last_look = false;
                polls = 0;
                if (waiting_.armed()) waiting_.take_event(std::exchange(slept, false));
                to.begin_batch();
                bytes += find_packets(to, static_cast<std::size_t>(n));
            }
            const std::size_t before = taken_;
            taken_ += to.add_each(std::span(packets_).subspan(taken_, found_ - taken_));
            for (std::size_t i = before; i < taken_; ++i) queue_.give_back(ids_[i]);
            if (const std::error_code error = queue_.flush()) return mend(to, error.message());
            if (taken_ < found_) return {};
            if (!failure_.empty()) return mend(to, failure_);
        }
        return {};
    }

private:
    /// Have packets_ be what is to be taken of so many completions, and give the other frames back.
    /// \return bytes that they count as
    [[nodiscard]] std::size_t find_packets(intake& to, std::size_t n) {
        taken_ = found_ = 0;
        std::size_t bytes = n * least_bytes;
        for (const ibv_wc& completion : std::span(completions_).first(n)) {
            if (completion.status == IBV_WC_SUCCESS) {
                const auto packet = wanted_.payload(queue_.frame(completion));
                if (!packet.empty()) {
                    packets_[found_] = packet;
                    ids_[found_++] = completion.wr_id;
                    bytes += packet.size();
                    continue;
                }
            } else if (completion.status == IBV_WC_LOC_LEN_ERR) {
                to.log(log_level::info, "dropped packet due to truncation");
            } else {
                // The queue has stopped, and comes back with all that was to be filled.
                if (failure_.empty())
                    failure_ = verbs_library::get().wc_status_str(completion.status);
                continue;
            }
            queue_.give_back(completion.wr_id);
        }
        if (found_ != 0) mended_ = 0;
        return bytes;
    }

    /// Begin anew with what stopped because of \a why; the reader ends if the device does not let
    /// that be.
    [[nodiscard]] read_wait mend(intake& to, const std::string& why) {
        const std::error_code error = queue_.restart();
        if (error || ++mended_ > detail::most_mended)
            return {.what = read_wait::kind::ended,
                    .reason = name_ + ": " + why +
                              (error ? ", and a new queue cannot be made: " + error.message()
                                     : " again and again")};
        to.log(log_level::warning, name_ + ": " + why + "; receiving goes on with a new queue");
        failure_.clear();
        taken_ = found_ = 0;
        waiting_.reset();
        return {};
    }

    const udp_ibv_reader_options options_;
    const in_addr local_;
    const verbs_device device_;
    detail::receive_queue queue_;
    detail::wanted_frames wanted_;
    completion_wait waiting_;
    detail::memberships groups_;
    const std::string name_;
    std::array<ibv_wc, poll_batch> completions_;
    // Of them, in order: packets that are wanted, and whose frames they are.
    std::array<std::span<const std::uint8_t>, poll_batch> packets_;
    std::array<std::uint64_t, poll_batch> ids_;
    std::size_t found_ = 0;
    std::size_t taken_ = 0;
    std::string failure_;  ///< why the queue has stopped; empty if it has not
    int mended_ = 0;       ///< times without a packet in between
};

udp_ibv_reader::udp_ibv_reader(const udp_ibv_reader_options& options)
    : impl_(std::make_shared<impl>(options, detail::interface_of(options))) {}

void udp_ibv_reader::start(std::weak_ptr<waiter>) { impl_->start(); }
read_wait udp_ibv_reader::read(intake& to) { return impl_->read(to); }
std::shared_ptr<const void> udp_ibv_reader::close() noexcept {
    impl_->close();
    return impl_;
}
std::string udp_ibv_reader::describe() const { return impl_->name(); }

#else

class udp_ibv_reader::impl {};

udp_ibv_reader::udp_ibv_reader(const udp_ibv_reader_options& options) {
    static_cast<void>(detail::interface_of(options));
    detail::no_ibverbs();
}

// No object was ever made.
void udp_ibv_reader::start(std::weak_ptr<waiter>) {}
read_wait udp_ibv_reader::read(intake&) { return {.what = read_wait::kind::ended}; }
std::shared_ptr<const void> udp_ibv_reader::close() noexcept { return nullptr; }
std::string udp_ibv_reader::describe() const { return {}; }

#endif

udp_ibv_reader::~udp_ibv_reader() = default;

}  // namespace spead2::recv
