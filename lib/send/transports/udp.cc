// SPDX-License-Identifier: Apache-2.0
// Puts together the socket (udp/udp_socket.h, udp_connection.h, udp_pages.h), messages (udp/udp_messages.h) and
// what the kernel can do (udp/udp_kernel.h).
#include <spead2/send/transports/udp.h>

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <stdexcept>
#include <string>

#include <spead2/wire/limits.h>

#include "net/socket.h"
#include "udp/udp_connection.h"
#include "udp/udp_kernel.h"
#include "udp/udp_messages.h"
#include "udp/udp_pages.h"
#include "udp/udp_socket.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103  // the C library is older than the kernel may be
#endif

namespace spead2::send {

class udp_transport::impl {
public:
    explicit impl(const udp_options& options)
        : fd_(detail::open_udp_socket(options)),
          // Kernels before Linux 4.18 do not know the option (ENOPROTOOPT).
          kernel_(options.endpoints, get_option(fd_, SOL_UDP, UDP_SEGMENT) >= 0),
          messages_(options.endpoints, kernel_),
          connection_(fd_, options.endpoints.size() == 1 && !options.socket),
          pages_(fd_, kernel_.segmentation() && !options.socket),
          multicast_only_(options.ttl && !options.socket) {}

    [[nodiscard]] send_result send(packet_span packets) noexcept;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] std::size_t num_substreams() const noexcept {
        return messages_.destinations().size();
    }
    [[nodiscard]] std::vector<endpoint> destinations() const {
        const std::lock_guard lock(mutex_);
        return messages_.destinations();
    }
    void set_destination(std::size_t substream, const endpoint& to) noexcept {
        const std::lock_guard lock(mutex_);
        static_cast<void>(connection_.end());
        pages_.try_again();
        kernel_.set_destination(substream, to);
        messages_.set_destination(substream, to);
    }
    [[nodiscard]] bool multicast_only() const noexcept { return multicast_only_; }
    [[nodiscard]] detail::udp_kernel& kernel() noexcept { return kernel_; }
    void disable_segmentation() noexcept {
        kernel_.disable_segmentation();
        pages_.disable();
    }
    [[nodiscard]] const detail::udp_messages& messages() const noexcept { return messages_; }

private:
    [[nodiscard]] int transmit(std::size_t first, std::size_t n) noexcept;

    unique_fd fd_;
    detail::udp_kernel kernel_;
    detail::udp_messages messages_;
    detail::udp_connection connection_;
    detail::udp_pages pages_;
    const bool multicast_only_;
    mutable std::mutex mutex_;  ///< of the destinations, which who drives the stream reads without
};

/// Give messages [first, n) to the kernel. \return how many it took, or -1 with errno
int udp_transport::impl::transmit(std::size_t first, std::size_t n) noexcept {
    if (n - first == 1)
        return ::sendmsg(fd_.get(), &messages_[first]->msg_hdr, MSG_DONTWAIT) < 0 ? -1 : 1;
    return ::sendmmsg(fd_.get(), messages_[first], static_cast<unsigned>(n - first), MSG_DONTWAIT);
}

send_result udp_transport::impl::send(packet_span packets) noexcept {
    using next_move = detail::udp_kernel::next_move;
    send_result result;
    kernel_.renew();
    connection_.renew(messages_.destinations().front());
    while (result.accepted < packets.packets.size()) {
        const std::size_t n = messages_.build(packets, result.accepted, connection_.is_made());
        pages_.prepare(messages_.largest_alone());
        for (std::size_t first = 0; first < n;) {
            const int sent = transmit(first, n);
            if (sent > 0) {
                for (int i = 0; i < sent; ++i) {
                    const std::uint32_t count = messages_.count(first++);
                    kernel_.taken(packets.packets[result.accepted].substream, count);
                    result.accepted += count;
                }
                result.released = result.accepted;
                continue;
            }
            const int error = errno;
            if (error == EINTR) continue;
            if (error != EAGAIN && connection_.end()) break;
            if (messages_.count(first) == 1 && pages_.end(error)) break;
            const packet& front = packets.packets[result.accepted];
            const next_move move = kernel_.refused(
                error, {front.substream, messages_.count(first), front.size, n - first});
            if (move == next_move::rebuild) break;
            if (move == next_move::resend) continue;
            if (move == next_move::fail) {
                result.failed = messages_.count(first);
                result.accepted += result.failed;
                result.error = std::error_code(error, std::generic_category());
            } else if (move == next_move::wait) {
                result.wait = wait_for::writable;
            } else {
                result.wait = wait_for::pause;
            }
            return result;
        }
    }
    return result;
}

udp_transport::udp_transport(const udp_options& options) : impl_(std::make_unique<impl>(options)) {}
udp_transport::~udp_transport() = default;

std::size_t udp_transport::num_substreams() const noexcept { return impl_->num_substreams(); }
send_result udp_transport::send(packet_span packets) noexcept { return impl_->send(packets); }
int udp_transport::wait_fd() const noexcept { return impl_->fd(); }
std::size_t udp_transport::whole_below() const noexcept {
    return detail::udp_messages::whole_below;
}

std::size_t udp_transport::packets_together(std::size_t packet_size) const noexcept {
    return impl_->kernel().segmentation() ? impl_->messages().most_packets(packet_size) : 1;
}

std::string udp_transport::describe() const {
    constexpr std::size_t shown = 4;
    const std::vector<endpoint> to = impl_->destinations();
    std::string text = "udp";
    for (std::size_t i = 0; i < std::min(shown, to.size()); ++i)
        text += (i == 0 ? " " : ", ") + to[i].to_string();
    if (to.size() > shown) text += " and " + std::to_string(to.size() - shown) + " more";
    return text;
}

std::string udp_transport::explain(const std::error_code& error, std::size_t substream) const {
    const endpoint to = impl_->destinations().at(substream);
    std::string text = error.message() + " (sending to udp " + to.to_string();
    if (num_substreams() > 1) text += ", substream " + std::to_string(substream);
    if (error == std::errc::message_size)
        text += "; a packet can have at most " +
                std::to_string(to.family() == AF_INET6 ? max_udp_payload + 20 : max_udp_payload) +
                " bytes, and where the socket forbids fragments what the MTU of the route leaves";
    return text + ")";
}

void udp_transport::check_destination(std::size_t substream, const endpoint& to) const {
    const std::vector<endpoint> now = impl_->destinations();
    if (substream >= now.size())
        throw std::invalid_argument("substream " + std::to_string(substream) +
                                    " is out of range: the stream has " +
                                    std::to_string(now.size()) + " substreams");
    if (to.port() == 0)
        throw std::invalid_argument("endpoint " + to.to_string() +
                                    " has port 0, to which nothing can be sent");
    detail::check_endpoint(to, now.front(), impl_->multicast_only());
}

void udp_transport::set_destination(std::size_t substream, const endpoint& to) noexcept {
    impl_->set_destination(substream, to);
}

bool udp_transport::segmentation_offload() const noexcept { return impl_->kernel().segmentation(); }
void udp_transport::disable_segmentation_offload() noexcept { impl_->disable_segmentation(); }

}  // namespace spead2::send
