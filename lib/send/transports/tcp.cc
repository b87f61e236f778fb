// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/transports/tcp.h>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <utility>

#include <spead2/base/log.h>

#include "net/connector.h"
#include "net/socket.h"

namespace spead2::send {
namespace {

using clock = std::chrono::steady_clock;

/// iovecs of one system call: UIO_MAXIOV, the kernel's.
constexpr std::size_t max_iovs = 1024;

/// How often a connection that is being made asks whether to give up.
constexpr std::chrono::milliseconds interrupt_interval{100};

/// How long the kernel may be short of memory before packets fail.
constexpr std::chrono::seconds starving_patience{5};

/// Between attempts to connect again, and how often one that goes on is looked at.
constexpr std::chrono::milliseconds reconnect_interval{100};
constexpr std::chrono::milliseconds connecting_pause{5};

[[nodiscard]] endpoint peer_of(const unique_fd& fd, int original) {
    sockaddr_storage address;
    socklen_t length = sizeof address;
    if (::getpeername(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
        throw std::invalid_argument("socket " + std::to_string(original) +
                                    " is not connected, but must be");
    return endpoint(reinterpret_cast<const sockaddr*>(&address), length);
}

void check(const tcp_options& options) {
    if (!options.socket && options.endpoints.empty())
        throw std::invalid_argument("endpoints is empty, but TCP needs one");
    check_options(options);
    if (options.socket && options.reconnect != 0.0)
        throw std::invalid_argument(
            "reconnect needs an endpoint to connect to, but a socket is given");
}

[[nodiscard]] unique_fd make_tcp_socket(const tcp_options& options, const endpoint& to) {
    unique_fd fd = make_socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
    if (!options.interface_address.empty()) bind_to(fd, options.interface_address, to.family());
    set_send_buffer(fd, options.buffer_size);
    set_dscp(fd, to.family(), options.dscp);
    // What is handed over is as large as it gets; waiting for more would only delay the end of a
    // heap.
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    return fd;
}

[[nodiscard]] connector make_connector(const tcp_options& options) {
    return {options.endpoints,
            [&options](const endpoint& to) { return make_tcp_socket(options, to); }};
}

struct connection {
    unique_fd fd;
    endpoint peer;
};

[[nodiscard]] connection open_connection(const tcp_options& options,
                                         const std::function<bool()>& interrupted) {
    check(options);
    if (options.socket) {
        unique_fd fd = duplicate_socket(*options.socket, SOCK_STREAM, IPPROTO_TCP);
        const endpoint peer = peer_of(fd, *options.socket);
        set_dscp(fd, get_option(fd, SOL_SOCKET, SO_DOMAIN), options.dscp);
        return {std::move(fd), peer};
    }
    connector c = make_connector(options);
    for (;;) {
        switch (c.advance(interrupt_interval)) {
            case connector::state::connected:
                return {c.take(), c.peer()};
            case connector::state::failed:
                throw std::system_error(c.error(), "cannot connect to " + c.failures());
            case connector::state::connecting:
                if (interrupted && interrupted())
                    throw std::system_error(
                        std::make_error_code(std::errc::interrupted),
                        "cannot connect to " + options.endpoints.front().to_string());
        }
    }
}

}  // namespace

class tcp_transport::impl {
public:
    impl(const tcp_options& options, const std::function<bool()>& interrupted)
        : impl(options, open_connection(options, interrupted)) {}

    [[nodiscard]] send_result send(packet_span packets) noexcept;
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] std::string describe() const { return "tcp " + name_; }
    [[nodiscard]] std::uint64_t reconnections() const noexcept { return reconnections_; }

private:
    impl(tcp_options options, connection&& made)
        : options_(std::move(options)), fd_(std::move(made.fd)), name_(made.peer.to_string()) {}

    /// iovecs of one system call.
    struct chunk {
        iovec* iovs;
        std::size_t n_iov;
        std::size_t bytes;
    };
    [[nodiscard]] chunk next_chunk(packet_span packets, std::size_t first) noexcept;
    [[nodiscard]] bool starved() noexcept;
    void lost(int error, send_result& result) noexcept;
    [[nodiscard]] bool connected_again(send_result& result) noexcept;

    const tcp_options options_;
    unique_fd fd_;            ///< stays the same number
    const std::string name_;  ///< of the peer, for people
    /// What broke the connection. Nothing can follow on it: the peer could not tell where a packet
    /// begins.
    std::error_code error_;
    std::size_t sent_ = 0;  ///< bytes of the next packet that the kernel has already
    std::array<iovec, max_iovs> iovs_;
    clock::time_point starved_since_{};  ///< the kernel is short of memory; epoch: not

    // Connecting again.
    std::optional<connector> connector_;  ///< an attempt that goes on
    clock::time_point give_up_{};
    clock::time_point next_attempt_{};
    std::atomic<std::uint64_t> reconnections_{0};
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

/// The kernel has no memory, which passes. \return whether to wait for that
bool tcp_transport::impl::starved() noexcept {
    const clock::time_point now = clock::now();
    if (starved_since_ == clock::time_point{}) starved_since_ = now;
    return now - starved_since_ < starving_patience;
}

/// The connection broke: the next packet is lost with it.
void tcp_transport::impl::lost(int error, send_result& result) noexcept {
    error_ = std::error_code(error, std::generic_category());
    sent_ = 0;
    if (options_.reconnect == 0.0) return;
    ++result.accepted;
    result.failed = 1;
    result.error = error_;
    const clock::time_point now = clock::now();
    give_up_ = now + std::chrono::duration_cast<clock::duration>(
                         std::chrono::duration<double>(options_.reconnect));
    next_attempt_ = now;
    try {
        log_message(log_level::warning, "the connection to tcp " + name_ +
                                            " is lost: " + error_.message() + "; connecting again");
    } catch (const std::exception&) {
        // no memory for the text
    }
}

/// Go on connecting. \return whether there is a connection; if not, \a result says when to ask again,
/// unless the time is over
bool tcp_transport::impl::connected_again(send_result& result) noexcept {
    const clock::time_point now = clock::now();
    try {
        if (!connector_ && now >= next_attempt_) connector_.emplace(make_connector(options_));
        if (connector_) {
            const connector::state state = connector_->advance(std::chrono::milliseconds::zero());
            if (state == connector::state::connected) {
                // The same number, since somebody may wait for it.
                const unique_fd made = connector_->take();
                if (::dup3(made.get(), fd_.get(), O_CLOEXEC) < 0) throw std::bad_alloc();
                const std::string peer = connector_->peer().to_string();
                connector_.reset();
                error_ = {};
                const std::uint64_t count = ++reconnections_;
                log_message(log_level::info, "connected to tcp " + peer + " again (" +
                                                 std::to_string(count) + " times so far)");
                return true;
            }
            if (state == connector::state::failed) {
                connector_.reset();
                next_attempt_ = now + reconnect_interval;
            }
        }
    } catch (const std::exception&) {
        // No descriptor or memory now.
        connector_.reset();
        next_attempt_ = now + reconnect_interval;
    }
    if (now >= give_up_) {
        connector_.reset();
        give_up_ = {};
        log_message(log_level::error,
                    "no connection to " + name_ + " could be made again: it is given up");
        return false;
    }
    result.wait = wait_for::pause;
    result.pause = connector_ ? connecting_pause : next_attempt_ - now;
    return false;
}

send_result tcp_transport::impl::send(packet_span packets) noexcept {
    send_result result;
    if (error_ && give_up_ != clock::time_point{} && !connected_again(result) &&
        result.wait == wait_for::pause)
        return result;
    while (!error_ && result.accepted < packets.packets.size()) {
        const chunk c = next_chunk(packets, result.accepted);
        msghdr message{};
        message.msg_iov = c.iovs;
        message.msg_iovlen = c.n_iov;
        const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            const int error = errno;
            if (error == EINTR) continue;
            if (error == EAGAIN) {
                result.wait = wait_for::writable;
                return result;
            }
            if (error == ENOBUFS || error == ENOMEM) {
                if (starved()) {
                    result.wait = wait_for::pause;
                    return result;
                }
                if (sent_ == 0) {  // the connection is whole
                    result.failed = packets.packets.size() - result.accepted;
                    result.accepted = packets.packets.size();
                    result.error = std::error_code(error, std::generic_category());
                    return result;
                }
            }
            lost(error, result);
            if (result.failed != 0) return result;
            break;
        }
        starved_since_ = {};
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
std::string tcp_transport::describe() const { return impl_->describe(); }
std::uint64_t tcp_transport::reconnections() const noexcept { return impl_->reconnections(); }

}  // namespace spead2::send
