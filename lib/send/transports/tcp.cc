// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/transports/tcp.h>

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

#include "net/socket.h"

namespace spead2::send {
namespace {

/// iovecs of one system call: UIO_MAXIOV, the kernel's.
constexpr std::size_t max_iovs = 1024;

/// How often a connection that is being made asks whether to give up.
constexpr int interrupt_milliseconds = 100;

[[nodiscard]] std::system_error system_error(int error, const std::string& what) {
    return {error, std::generic_category(), what};
}

[[nodiscard]] endpoint peer_of(const unique_fd& fd, int original) {
    sockaddr_storage address;
    socklen_t length = sizeof address;
    if (::getpeername(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
        throw std::invalid_argument("socket " + std::to_string(original) +
                                    " is not connected, but must be");
    return endpoint(reinterpret_cast<const sockaddr*>(&address), length);
}

/// Wait until the connection stands.
void finish_connect(const unique_fd& fd, const std::string& what,
                    const std::function<bool()>& interrupted) {
    for (;;) {
        pollfd p{fd.get(), POLLOUT, 0};
        const int ready = ::poll(&p, 1, interrupted ? interrupt_milliseconds : -1);
        if (ready > 0) break;
        if (ready < 0 && errno != EINTR) throw system_error(errno, what);
        if (interrupted && interrupted()) throw system_error(EINTR, what);
    }
    const int error = get_option(fd, SOL_SOCKET, SO_ERROR);
    if (error != 0) throw system_error(error < 0 ? EIO : error, what);
}

[[nodiscard]] unique_fd open_connection(const tcp_options& options,
                                        const std::function<bool()>& interrupted) {
    if (options.socket) return duplicate_socket(*options.socket, SOCK_STREAM, IPPROTO_TCP);
    if (options.endpoints.size() != 1)
        throw std::invalid_argument("endpoints must contain exactly one element for TCP, but has " +
                                    std::to_string(options.endpoints.size()));
    const endpoint& to = options.endpoints.front();
    unique_fd fd = make_socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
    if (!options.interface_address.empty()) bind_to(fd, options.interface_address, to.family());
    set_send_buffer(fd, options.buffer_size);
    // What is handed over is as large as it gets; waiting for more would only delay the end of a
    // heap.
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    const std::string what = "cannot connect to " + to.to_string();
    if (::connect(fd.get(), to.address(), to.length()) != 0) {
        if (errno != EINPROGRESS && errno != EINTR) throw system_error(errno, what);
        finish_connect(fd, what, interrupted);
    }
    return fd;
}

}  // namespace

class tcp_transport::impl {
public:
    impl(const tcp_options& options, const std::function<bool()>& interrupted)
        : fd_(open_connection(options, interrupted)),
          peer_(options.socket ? peer_of(fd_, *options.socket) : options.endpoints.front()) {}

    [[nodiscard]] send_result send(packet_span packets) noexcept;
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] const endpoint& peer() const noexcept { return peer_; }

private:
    /// iovecs of one system call.
    struct chunk {
        iovec* iovs;
        std::size_t n_iov;
        std::size_t bytes;
    };
    [[nodiscard]] chunk next_chunk(packet_span packets, std::size_t first) noexcept;

    unique_fd fd_;
    endpoint peer_;
    /// What broke the connection. Nothing can follow: the peer could not tell where a packet
    /// begins.
    std::error_code error_;
    std::size_t sent_ = 0;  ///< bytes of the next packet that the kernel has already
    std::array<iovec, max_iovs> iovs_;
};

/// As much as one system call takes of the packets from number \a first on.
tcp_transport::impl::chunk tcp_transport::impl::next_chunk(packet_span packets,
                                                           std::size_t first) noexcept {
    const packet& front = packets.packets[first];
    std::size_t n_iov = 0;
    std::size_t bytes = 0;
    for (std::size_t i = first; i < packets.packets.size(); ++i) {
        const packet& p = packets.packets[i];
        if (p.first_iov != front.first_iov + n_iov || n_iov + p.n_iov > max_iovs) break;
        n_iov += p.n_iov;
        bytes += p.size;
    }
    // A packet with more iovecs than the kernel takes goes in parts.
    if (n_iov == 0) n_iov = front.n_iov;
    const iovec* const iovs = packets.iovs + front.first_iov;
    if (sent_ == 0 && n_iov <= max_iovs) return {const_cast<iovec*>(iovs), n_iov, bytes};

    // The packets' own iovecs must stay as they are.
    std::size_t skip = 0;
    std::size_t left = sent_;
    while (left >= iovs[skip].iov_len) left -= iovs[skip++].iov_len;
    const std::size_t n = std::min(n_iov - skip, max_iovs);
    std::copy_n(iovs + skip, n, iovs_.begin());
    iovs_[0].iov_base = static_cast<std::uint8_t*>(iovs_[0].iov_base) + left;
    iovs_[0].iov_len -= left;
    bytes = 0;
    for (std::size_t i = 0; i < n; ++i) bytes += iovs_[i].iov_len;
    return {iovs_.data(), n, bytes};
}

send_result tcp_transport::impl::send(packet_span packets) noexcept {
    send_result result;
    while (!error_ && result.accepted < packets.packets.size()) {
        const chunk c = next_chunk(packets, result.accepted);
        msghdr message{};
        message.msg_iov = c.iovs;
        message.msg_iovlen = c.n_iov;
        const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) {
                result.wait = wait_for::writable;
                return result;
            }
            error_ = std::error_code(errno, std::generic_category());
            break;
        }
        sent_ += static_cast<std::size_t>(n);
        while (result.accepted < packets.packets.size() &&
               sent_ >= packets.packets[result.accepted].size)
            sent_ -= packets.packets[result.accepted++].size;
        result.released = result.accepted;
        if (static_cast<std::size_t>(n) < c.bytes) {
            // The socket's buffer is full; asking again would only be told so.
            result.wait = wait_for::writable;
            return result;
        }
    }
    if (error_ && result.accepted < packets.packets.size()) {
        result.failed = packets.packets.size() - result.accepted;
        result.accepted = packets.packets.size();
        result.error = error_;
    }
    return result;
}

tcp_transport::tcp_transport(const tcp_options& options, const std::function<bool()>& interrupted)
    : impl_(std::make_unique<impl>(options, interrupted)) {}
tcp_transport::~tcp_transport() = default;

send_result tcp_transport::send(packet_span packets) noexcept { return impl_->send(packets); }
int tcp_transport::wait_fd() const noexcept { return impl_->fd(); }
std::string tcp_transport::describe() const { return "tcp " + impl_->peer().to_string(); }

}  // namespace spead2::send
