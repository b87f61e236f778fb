// SPDX-License-Identifier: Apache-2.0
// Many datagrams a system call: several messages, and each of them, where the kernel coalesces (GRO),
// many equal datagrams.
#include <spead2/recv/readers/udp.h>

#include <netinet/udp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <spead2/base/errors.h>

#include "arrivals.h"
#include "net/interface.h"
#include "socket_setup.h"

#ifndef UDP_GRO
#define UDP_GRO 104  // the C library is older than the kernel may be
#endif

namespace spead2::recv {
namespace {

/// Bytes that a message can have.
constexpr std::size_t largest_message = 65536;

/// Messages of one system call, at most.
constexpr std::size_t max_messages = 64;

/// Bytes of one system call that are aimed at: they are to be in the cache still when they are copied
/// on.
constexpr std::size_t wanted_bytes = std::size_t{256} << 10;

[[nodiscard]] std::invalid_argument misfit(const std::string& what, const std::string& why) {
    return std::invalid_argument("'" + what + "' " + why);
}

/// The interface to join an IPv4 group on.
[[nodiscard]] in_addr ipv4_interface(const std::string& interface_address) {
    in_addr any{};
    if (interface_address.empty()) return any;
    if (!network_interface::is_name(interface_address) &&
        endpoint::resolve(interface_address, 0).family() != AF_INET)
        throw misfit(interface_address, "interface address is not an IPv4 address");
    const endpoint local = network_interface::local_address(interface_address, AF_INET);
    sockaddr_in address;
    std::memcpy(&address, local.address(), sizeof address);
    return address.sin_addr;
}

[[nodiscard]] bool same_host(endpoint a, endpoint b) {
    a.set_port(0);
    b.set_port(0);
    return a.to_string() == b.to_string();
}

}  // namespace

class udp_reader::impl {
public:
    explicit impl(const udp_reader_options& options)
        : options_(options),
          fd_(open(options)),
          own_(!options.socket),
          arrivals_(static_cast<std::size_t>(get_option(*fd_, SOL_SOCKET, SO_RCVBUF)) / 2) {
        // Not initialised: what is never used then costs no memory.
        stride_ = own_ || get_option(*fd_, SOL_UDP, UDP_GRO) > 0
                      ? largest_message
                      : std::min(largest_message, options.max_size + 1);
        stride_ += 64;  // so that messages do not all begin at the same place of the cache
        buffer_ = std::unique_ptr<std::uint8_t[]>(new std::uint8_t[max_messages * stride_]);
        for (std::size_t i = 0; i < max_messages; ++i) {
            iovs_[i] = {buffer_.get() + i * stride_, stride_ - 64};
            msghdr& m = messages_[i].msg_hdr;
            m = {};
            m.msg_iov = &iovs_[i];
            m.msg_iovlen = 1;
            m.msg_control = controls_[i].bytes.data();
        }
    }

    void start() {
        if (!own_) return;
        const endpoint& at = options_.address;
        if (!at.is_multicast()) {
            bind_socket(*fd_, at);
            return;
        }
        // A group may be received by many.
        set_option(*fd_, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
        if (at.family() == AF_INET) {
            bind_socket(*fd_, at);
            ip_mreqn group{};
            sockaddr_in address;
            std::memcpy(&address, at.address(), sizeof address);
            group.imr_multiaddr = address.sin_addr;
            group.imr_address = ipv4_interface(options_.interface_address);
            set_option(*fd_, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group,
                       "membership of " + at.to_string());
            return;
        }
        sockaddr_in6 address;
        std::memcpy(&address, at.address(), sizeof address);
        const unsigned index = options_.interface_index.value_or(0);
        // A group of the link is only an address together with the link.
        if (index != 0 && IN6_IS_ADDR_MC_LINKLOCAL(&address.sin6_addr))
            address.sin6_scope_id = index;
        bind_socket(*fd_, endpoint(reinterpret_cast<const sockaddr*>(&address), sizeof address));
        ipv6_mreq group{};
        group.ipv6mr_multiaddr = address.sin6_addr;
        group.ipv6mr_interface = index != 0 ? index : address.sin6_scope_id;
        set_option(*fd_, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof group,
                   "membership of " + at.to_string());
    }

    [[nodiscard]] read_wait read(intake& to) {
        while (to.takes_more()) {
            if (current_ == received_) {
                const std::size_t asked = n_messages_;
                const read_wait wait = receive(to);
                if (wait.what != read_wait::kind::again || received_ == 0) return wait;
                drained_ = received_ < asked;
            }
            if (!hand_over(to)) break;
            if (drained_) return next_wait();
            return {.what = read_wait::kind::again};
        }
        return {.what = read_wait::kind::again};
    }

    [[nodiscard]] std::shared_ptr<const void> close() noexcept {
        if (fd_) let_go(*fd_);
        return std::move(fd_);
    }

    [[nodiscard]] std::string describe() const {
        return "udp " + (fd_ && !own_ ? local_name(*fd_) : options_.address.to_string());
    }

private:
    /// Room for the size of the datagrams that a message was made of.
    struct alignas(cmsghdr) control {
        std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> bytes;
    };

    [[nodiscard]] static std::unique_ptr<unique_fd> open(const udp_reader_options& options) {
        if (options.socket)
            return std::make_unique<unique_fd>(
                duplicate_socket(*options.socket, SOCK_DGRAM, IPPROTO_UDP));
        check(options);
        auto fd = std::make_unique<unique_fd>(
            make_socket(options.address.family(), SOCK_DGRAM, IPPROTO_UDP));
        set_receive_buffer(*fd, options.buffer_size);
        // Kernels before Linux 5.0 do not know it.
        const int on = 1;
        static_cast<void>(::setsockopt(fd->get(), SOL_UDP, UDP_GRO, &on, sizeof on));
        return fd;
    }

    static void check(const udp_reader_options& options) {
        const endpoint& at = options.address;
        if (options.interface_index && (at.family() != AF_INET6 || !at.is_multicast()))
            throw misfit(at.to_string(), "endpoint is not an IPv6 multicast address");
        if (options.interface_address.empty()) return;
        if (at.family() != AF_INET) throw misfit(at.to_string(), "endpoint is not an IPv4 address");
        const in_addr local = ipv4_interface(options.interface_address);
        if (at.is_multicast()) return;
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr = local;
        if (!same_host(at, endpoint(reinterpret_cast<const sockaddr*>(&address), sizeof address)))
            throw std::invalid_argument(
                "endpoint is not multicast and does not match interface address: " +
                at.to_string());
    }

    /// For what comes after all that was there.
    [[nodiscard]] read_wait next_wait() noexcept {
        const auto now = std::chrono::steady_clock::now();
        arrivals_.drained(now, received_, bytes_);
        const auto pause = arrivals_.pause();
        if (pause == arrivals::duration::zero())
            return {.what = read_wait::kind::readable, .fd = fd_->get()};
        return {.what = read_wait::kind::later, .time = now + pause};
    }

    /// Take messages from the kernel.
    [[nodiscard]] read_wait receive(intake& to) {
        current_ = received_ = 0;
        offset_ = 0;
        for (std::size_t i = 0; i < n_messages_; ++i) {
            messages_[i].msg_hdr.msg_controllen = sizeof(control);
            messages_[i].msg_hdr.msg_flags = 0;
        }
        int n;
        do {
            n = ::recvmmsg(fd_->get(), messages_.data(), static_cast<unsigned>(n_messages_),
                           MSG_DONTWAIT, nullptr);
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
            const int error = errno;
            arrivals_.missed();
            // What came back for a packet that was sent over the same socket: no matter of ours.
            if (error == EAGAIN || error == ECONNREFUSED || error == EHOSTUNREACH ||
                error == ENETUNREACH || error == EMSGSIZE)
                return {.what = read_wait::kind::readable, .fd = fd_->get()};
            return {.what = read_wait::kind::ended,
                    .reason = "Error in UDP receiver: " + std::generic_category().message(error)};
        }
        received_ = static_cast<std::size_t>(n);
        to.begin_batch();
        bytes_ = 0;
        for (std::size_t i = 0; i < received_; ++i) bytes_ += messages_[i].msg_len;
        const std::size_t average = std::max<std::size_t>(1, bytes_ / received_);
        n_messages_ = std::clamp<std::size_t>(wanted_bytes / average, 4, max_messages);
        return {};
    }

    /// \return false if not all was taken
    [[nodiscard]] bool hand_over(intake& to) {
        for (; current_ < received_; ++current_, offset_ = 0) {
            const msghdr& m = messages_[current_].msg_hdr;
            const std::size_t size = messages_[current_].msg_len;
            if (size == 0) continue;
            const std::size_t segment = segment_size(m, size);
            if (segment > options_.max_size || (m.msg_flags & MSG_TRUNC) != 0) {
                for (std::size_t at = 0; at < size; at += segment)
                    to.log(log_level::info, "dropped packet due to truncation");
                continue;
            }
            const auto* const data = static_cast<const std::uint8_t*>(m.msg_iov->iov_base);
            offset_ += to.add_datagrams({data + offset_, size - offset_}, segment);
            if (offset_ < size) return false;
        }
        return true;
    }

    [[nodiscard]] static std::size_t segment_size(const msghdr& m, std::size_t size) noexcept {
        for (const cmsghdr* c = CMSG_FIRSTHDR(&m); c != nullptr;
             c = CMSG_NXTHDR(const_cast<msghdr*>(&m), const_cast<cmsghdr*>(c))) {
            if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO) continue;
            int segment;
            std::memcpy(&segment, CMSG_DATA(c), sizeof segment);
            if (segment > 0) return std::min(size, static_cast<std::size_t>(segment));
        }
        return size;
    }

    const udp_reader_options options_;
    std::shared_ptr<unique_fd> fd_;
    const bool own_;
    std::size_t stride_ = 0;
    std::unique_ptr<std::uint8_t[]> buffer_;
    std::size_t n_messages_ = max_messages;  ///< to ask for
    std::size_t received_ = 0;
    std::size_t bytes_ = 0;    ///< of those that were received
    std::size_t current_ = 0;  ///< message to hand over next
    std::size_t offset_ = 0;   ///< what was taken of it
    bool drained_ = false;     ///< the kernel had less than was asked for
    arrivals arrivals_;
    std::array<mmsghdr, max_messages> messages_{};
    std::array<iovec, max_messages> iovs_;
    std::array<control, max_messages> controls_;
};

udp_reader::udp_reader(const udp_reader_options& options)
    : impl_(std::make_unique<impl>(options)) {}
udp_reader::~udp_reader() = default;

void udp_reader::start(std::weak_ptr<waiter>) { impl_->start(); }
read_wait udp_reader::read(intake& to) { return impl_->read(to); }
std::shared_ptr<const void> udp_reader::close() noexcept { return impl_->close(); }
std::string udp_reader::describe() const { return impl_->describe(); }

}  // namespace spead2::recv
