// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "udp_ibv_sender.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace spead2::send::detail {
namespace {

// Polls before the stream has a turn, however large max_poll is: it may have been told to stop.
constexpr int polls_a_turn = 1000;
constexpr std::size_t udp_headers = frame_header::ipv4_size + frame_header::udp_size;
// A device that completes nothing for this long is stuck.
constexpr std::chrono::seconds device_patience{5};

/// A socket that reserves a port, so that the frames cannot be taken for those of another.
[[nodiscard]] unique_fd reserve_port(const in_addr& interface) {
    unique_fd fd = make_socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr = interface;
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0)
        verbs_device::fail(errno, "a UDP socket cannot be bound to the interface address");
    return fd;
}

[[nodiscard]] network_interface checked_interface(const udp_ibv_sender::parameters& p) {
    network_interface found = network_interface::with_address(p.interface);
    if (found.mtu != 0 && p.max_packet_size + udp_headers > static_cast<std::size_t>(found.mtu))
        log_message(log_level::warning,
                    "max_packet_size " + std::to_string(p.max_packet_size) +
                        " makes packets that are longer than the MTU of " + found.name + ", " +
                        std::to_string(found.mtu) + ", which leaves " +
                        std::to_string(static_cast<std::size_t>(found.mtu) - udp_headers) +
                        " bytes");
    return found;
}

}  // namespace

udp_ibv_sender::udp_ibv_sender(parameters&& p)
    : kept_regions_(std::move(p.regions)),
      max_packet_size_(p.max_packet_size),
      max_poll_(p.max_poll),
      device_(p.interface),
      source_socket_(reserve_port(p.interface)),
      interface_(checked_interface(p)),
      queue_(device_, p.comp_vector,
             std::max<std::size_t>(p.buffer_size / (max_packet_size_ + frame_header::size), 1),
             kept_regions_.empty() ? 1 : max_elements),
      ring_(device_, slots_for(p)),
      completions_(queue_, ring_, log_),
      waiting_(queue_.completions()),
      recovery_(queue_, ring_, completions_, log_),
      stall_limit_(device_patience) {
    for (const ipv4_endpoint& d : p.destinations) {
        char text[INET_ADDRSTRLEN];
        ::inet_ntop(AF_INET, &d.address, text, sizeof text);
        destinations_.push_back(std::string(text) + ":" + std::to_string(ntohs(d.port)));
    }
    log_.set_name(describe());
    waiting_.set_name(describe());
}

std::string udp_ibv_sender::describe() const {
    constexpr std::size_t shown = 4;
    std::string text = "udp_ibv";
    for (std::size_t i = 0; i < std::min(shown, destinations_.size()); ++i)
        text += (i == 0 ? " " : ", ") + destinations_[i];
    if (destinations_.size() > shown)
        text += " and " + std::to_string(destinations_.size() - shown) + " more";
    return text + " on " + interface_.name + " (" + device_.name() + ")";
}

std::string udp_ibv_sender::explain(const std::error_code& error, std::size_t substream) const {
    std::string text = error.message() + " (sending to udp_ibv " + destinations_.at(substream) +
                       " on " + interface_.name;
    if (destinations_.size() > 1) text += ", substream " + std::to_string(substream);
    if (error == std::errc::message_size && interface_.mtu != 0)
        text += "; a packet can have at most " +
                std::to_string(static_cast<std::size_t>(interface_.mtu) - udp_headers) +
                " bytes, by the MTU of the interface";
    return text + ")";
}

slot_ring::parameters udp_ibv_sender::slots_for(const parameters& p) {
    slot_ring::parameters result{
        queue_.work_requests(), max_packet_size_, queue_.elements(), {}, kept_regions_};
    sockaddr_in local{};
    socklen_t length = sizeof local;
    if (::getsockname(source_socket_.get(), reinterpret_cast<sockaddr*>(&local), &length) != 0)
        verbs_device::fail(errno, "getsockname failed");
    for (const ipv4_endpoint& destination : p.destinations)
        result.headers.emplace_back(interface_.mac, ipv4_endpoint{p.interface, local.sin_port},
                                    destination, p.ttl, !device_.checksum_offload(),
                                    p.traffic_class);
    return result;
}

/// Learn what is done, and mend what is broken.
void udp_ibv_sender::poll() noexcept {
    switch (completions_.poll()) {
        case completions::outcome::fine:
            break;
        case completions::outcome::failed:
            waiting_.reset();
            recovery_.fail_request(completions_.failure());
            break;
        case completions::outcome::broken:
            log_.tell(log_level::error, "the completion queue is broken; starting a new one");
            waiting_.reset();
            recovery_.fail_in_flight(std::make_error_code(std::errc::io_error));
            break;
    }
    if (!completions_.take_progress()) return;
    polls_ = 0;
    waiting_since_ = {};
}

/// Fill free slots and post them. \return packets accepted
std::size_t udp_ibv_sender::accept(packet_span packets) noexcept {
    const std::size_t first = ring_.in_flight();
    const std::size_t n = ring_.fill(packets);
    if (n == 0) return 0;
    polls_ = 0;
    completions_.post(first, n);
    return n;
}

send_result udp_ibv_sender::send(packet_span packets) noexcept {
    send_result result;
    const bool slept = waiting_.take_slept();
    for (int turn = 0; !recovery_.broken();) {
        poll();
        if (waiting_.armed() && polls_ == 0 && (slept || completions_.any_sent()))
            waiting_.take_event(slept && completions_.any());
        if (completions_.any_failed()) break;
        const std::size_t n = accept(packets);
        result.accepted += n;
        packets.packets = packets.packets.subspan(n);
        if (n != 0 && !packets.packets.empty()) continue;
        if (completions_.nothing_will_come()) {
            waiting_.reset();
            recovery_.drain();
        }
        // Where there is progress, the stream may have more to do than to wait.
        if (ring_.in_flight() == 0 || completions_.any() || result.accepted != 0) break;
        if (++polls_ >= max_poll_) {
            polls_ = 0;
            wait(result);
            break;
        }
        if (++turn == polls_a_turn) {
            static_cast<void>(check_patience(clock::now()));
            break;
        }
    }
    if (recovery_.broken() && !completions_.any_failed()) completions_.report();
    const bool lost = recovery_.broken() && ring_.in_flight() == 0 && !completions_.any_failed();
    completions_.take(result);
    if (lost && !packets.packets.empty()) {
        result.failed = packets.packets.size();
        result.error = recovery_.broken();
        result.accepted += result.failed;
        packets.packets = {};
    }
    if (result.wait == wait_for::nothing && (!packets.packets.empty() || ring_.in_flight() != 0))
        result.wait = wait_for::again;
    return result;
}

/// Give up what is in flight if nothing has completed for long. \return whether it still waits
bool udp_ibv_sender::check_patience(clock::time_point now) noexcept {
    if (waiting_since_ == clock::time_point{}) {
        waiting_since_ = now;
        return true;
    }
    if (now - waiting_since_ <= stall_limit_) return true;
    const auto waited = std::chrono::duration_cast<std::chrono::seconds>(now - waiting_since_);
    log_.tell(log_level::error, "the device has completed nothing for " +
                                    std::to_string(waited.count()) + " s; giving its packets up");
    waiting_.reset();
    recovery_.fail_in_flight(std::make_error_code(std::errc::timed_out));
    return false;
}

/// Say how to wait for completions.
void udp_ibv_sender::wait(send_result& result) noexcept {
    result.wait = wait_for::again;
    const clock::time_point now = clock::now();
    if (!check_patience(now) || !waiting_.begin()) return;
    poll();  // what came before begin() makes no event
    if (completions_.any()) return;
    waiting_.sleep(now);
    result.wait = wait_for::readable;
}

bool udp_ibv_sender::set_rate(double bytes_per_second) noexcept {
    // The stream's rate is of packets, the device's of frames.
    const double frame_size = static_cast<double>(max_packet_size_ + frame_header::size);
    const double frame_rate = bytes_per_second * frame_size / static_cast<double>(max_packet_size_);
    if (!queue_.set_rate(frame_rate * 8)) return false;
    // A full queue takes this long to leave; only far longer is suspicious.
    const double seconds = 4 * frame_size * static_cast<double>(ring_.size()) / frame_rate;
    stall_limit_ += std::chrono::duration_cast<clock::duration>(
        std::chrono::duration<double>(std::min(seconds, 1e6)));
    return true;
}

void udp_ibv_sender::quiesce() noexcept {
    recovery_.close(std::make_error_code(std::errc::operation_canceled));
    completions_.clear();
}

}  // namespace spead2::send::detail

#endif
