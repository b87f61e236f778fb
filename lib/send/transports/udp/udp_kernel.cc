// SPDX-License-Identifier: Apache-2.0
#include "udp_kernel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <system_error>

#include <spead2/base/log.h>

namespace spead2::send::detail {
namespace {

/// Segments of one message: 128 since Linux 6.9 (UDP_MAX_SEGMENTS), 64 before. The former sends
/// packets of 256 bytes a quarter faster.
constexpr std::size_t many_segments = 128;

/// Messages of one call; the kernel takes UIO_MAXIOV.
constexpr std::size_t many_messages = 512;

constexpr std::size_t any_size = ~std::size_t{0};

/// What is missing is tried again after this, then after twice as long, and so on.
constexpr std::chrono::seconds first_interval{1};
constexpr std::chrono::seconds longest_interval{64};

/// How long memory or room may be missing before packets fail.
constexpr std::chrono::seconds starving_patience{1};

constexpr std::chrono::seconds log_interval{1};

/// Errors that may say that several packets cannot go in one message, and why.
[[nodiscard]] const char* segmentation_problem(int error) noexcept {
    switch (error) {
        case EIO:
            // Older kernels do not put in checksums for a device that cannot (newer ones do, 6.18
            // for one); IPsec on the way is the same. https://github.com/envoyproxy/envoy/issues/21200
            return "the network device does not put in checksums, or there is IPsec on the way";
        case EINVAL:
        case EMSGSIZE:
            // EINVAL from older kernels, EMSGSIZE from newer ones. Alone, such packets are
            // fragmented. A route may change, so this may happen at any time.
            // https://github.com/quinn-rs/quinn/issues/2202
            return "with their headers they are larger than the MTU of the route";
        case EOPNOTSUPP:
        case ENOPROTOOPT:
            // Kernels before Linux 4.18.
            return "the kernel does not support it";
        case EPERM:
        case ENOSYS:
            // Filters of system calls and of sockets in containers (seccomp, BPF).
            return "something on this machine does not permit it";
        default:
            return nullptr;
    }
}

}  // namespace

udp_kernel::udp_kernel(const std::vector<endpoint>& destinations, bool has_segmentation)
    : largest_at_first_(has_segmentation ? any_size : 0),
      max_segments_(many_segments),
      max_messages_(many_messages) {
    destinations_.reserve(destinations.size());
    for (const endpoint& e : destinations) destinations_.push_back({e, largest_at_first_});
}

bool udp_kernel::segmentation() const noexcept {
    return std::any_of(destinations_.begin(), destinations_.end(),
                       [](const destination& d) { return d.largest_segment != 0; });
}

void udp_kernel::set_destination(std::size_t substream, const endpoint& to) noexcept {
    destination& d = destinations_[substream];
    if (d.trying) --trying_;
    d = {to, largest_at_first_};
}

void udp_kernel::disable_segmentation() noexcept {
    largest_at_first_ = 0;
    for (destination& d : destinations_) {
        d.largest_segment = 0;
        d.again = clock::time_point::max();
    }
}

// ---- A refusal, and what it may be due to

udp_kernel::next_move udp_kernel::refused(int error, const message& m) noexcept {
    if (error == EAGAIN) return next_move::wait;
    if (error == ENOBUFS || error == ENOMEM) return starved();
    troubled_ = true;
    if (!resent_) {
        // The error may be an older packet's: an ICMP answer that the owner of the socket asked
        // for with IP_RECVERR. The kernel reports it once, in place of sending.
        resent_ = true;
        return next_move::resend;
    }
    resent_ = false;
    return suspect(error, m);
}

/// The fragments of a datagram above the MTU do not fit the socket buffer beside what is in flight;
/// the device's queue is full and the owner of the socket asked to be told (IP_RECVERR); or the
/// kernel is short of memory. All of this passes.
udp_kernel::next_move udp_kernel::starved() noexcept {
    const clock::time_point now = clock::now();
    troubled_ = true;
    if (starved_since_ == clock::time_point{}) starved_since_ = now;
    // Once it is over, every message fails at its first refusal, until one goes.
    return now - starved_since_ < starving_patience ? next_move::pause : next_move::fail;
}

/// Leave out what may be to blame; if the packets go then, convict() is called, else this again.
udp_kernel::next_move udp_kernel::suspect(int error, const message& m) noexcept {
    if (doubt_ == doubt::none) doubted_ = m;
    error_ = error;
    if (doubt_ < doubt::many_messages && m.together > 1 && (error == EPERM || error == ENOSYS)) {
        // Filters of system calls in containers that do not know sendmmsg.
        doubt_ = doubt::many_messages;
        return next_move::rebuild;
    }
    if (m.packets > 1 && segmentation_problem(error) != nullptr) {
        const bool many = error == EINVAL && m.packets > few_segments;
        doubted_ = m;
        doubt_ = many && doubt_ < doubt::many_segments ? doubt::many_segments : doubt::segments;
        return next_move::rebuild;
    }
    // Nothing is to blame but the packet or its route (a blackhole route gives EINVAL, a filter
    // of packets EPERM): what would have gone with it is likely to fare the same.
    if (doubt_ == doubt::segments)
        single_left_ = doubted_.packets - 1;
    else if (single_left_ != 0)
        --single_left_;
    doubt_ = doubt::none;
    return next_move::fail;
}

/// A message went.
void udp_kernel::settle(std::size_t substream, std::size_t packets) noexcept {
    resent_ = false;
    starved_since_ = {};
    single_left_ -= std::min(single_left_, packets);
    if (doubt_ != doubt::none) convict();
    destination& d = destinations_[substream];
    if (d.trying && packets > 1) {
        d.trying = false;
        --trying_;
        try {
            log_message(log_level::info,
                        "sending to " + d.to.to_string() + " with UDP segmentation offload again");
        } catch (const std::exception&) {
            // no memory for the text
        }
    }
    troubled_ = single_left_ != 0 || trying_ != 0;
}

// ---- Fallback

/// What was left out is to blame.
void udp_kernel::convict() noexcept {
    const clock::time_point now = clock::now();
    switch (doubt_) {
        case doubt::many_messages:
            max_messages_ = 1;
            messages_again_ = now + longest_interval;
            missing_ = true;
            break;
        case doubt::many_segments:
            max_segments_ = few_segments;
            break;
        case doubt::segments:
            lose_segmentation(now);
            break;
        case doubt::none:
            break;
    }
    doubt_ = doubt::none;
}

void udp_kernel::lose_segmentation(clock::time_point now) noexcept {
    destination& d = destinations_[doubted_.substream];
    // Packets that are too large now; smaller ones may still go together.
    d.largest_segment = error_ == EINVAL || error_ == EMSGSIZE ? doubted_.packet_size - 1 : 0;
    // What has worked for long is likely to come back soon.
    const bool was_long = d.again == clock::time_point::max() || now - d.again > longest_interval;
    d.interval =
        was_long ? first_interval : std::min<clock::duration>(2 * d.interval, longest_interval);
    d.again = now + d.interval;
    missing_ = true;
    const bool failed_again = d.trying;
    if (d.trying) --trying_;
    d.trying = false;
    if (failed_again || now - last_log_ < log_interval) return;
    last_log_ = now;
    try {
        log_message(
            log_level::info,
            "sending to " + d.to.to_string() +
                " without UDP segmentation offload for now: " + std::to_string(doubted_.packets) +
                " packets of " + std::to_string(doubted_.packet_size) +
                " bytes together were refused (" + std::generic_category().message(error_) +
                "), but one alone was taken: " + segmentation_problem(error_));
    } catch (const std::exception&) {
        // no memory for the text
    }
}

void udp_kernel::try_again() noexcept {
    const clock::time_point now = clock::now();
    missing_ = false;
    if (max_messages_ == 1) {
        if (now >= messages_again_)
            max_messages_ = many_messages;
        else
            missing_ = true;
    }
    for (destination& d : destinations_) {
        if (d.largest_segment == any_size || d.again == clock::time_point::max()) continue;
        if (now < d.again) {
            missing_ = true;
            continue;
        }
        d.largest_segment = any_size;
        if (!d.trying) ++trying_;
        d.trying = troubled_ = true;
    }
}

}  // namespace spead2::send::detail
