// SPDX-License-Identifier: Apache-2.0
// Packets become messages, messages go to the kernel. Nothing here is done per packet but looking
// how many of them go together, and copying those that are too small to be worth an iovec or two.
#include <spead2/send/transports/udp.h>

#include <netinet/udp.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <spead2/base/log.h>
#include <spead2/wire/limits.h>
#include <spead2/wire/protocol.h>

#include "net/socket.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103  // the C library is older than the kernel may be
#endif

namespace spead2::send {
namespace {

/// Segments of one message: 128 since Linux 6.9 (UDP_MAX_SEGMENTS), 64 before. The former sends
/// packets of 256 bytes a quarter faster.
constexpr std::size_t max_segments = 128;
constexpr std::size_t max_segments_before = 64;

/// iovecs of one message: UIO_MAXIOV, the kernel's.
constexpr std::size_t max_iovs = 1024;

/// Messages of one system call; the kernel takes UIO_MAXIOV.
constexpr std::size_t max_messages = 512;

/// Packets below this size are copied together, others are left to the kernel to gather. Measured with
/// header and payload as two iovecs a packet and payload from the third level cache: at 512 bytes
/// copying is a quarter faster, at 1080 bytes both are the same, at 4096 gathering is.
constexpr std::size_t gather_size = 1024;

/// Room to copy packets together. Measured: up to this, what the kernel reads again is still in the
/// second level cache; four times as much is a fifth slower.
constexpr std::size_t assembly_bytes = 128 * 1024;

constexpr std::size_t any_size = ~std::size_t{0};

/// A control message that holds a segment size.
struct alignas(cmsghdr) segment_control {
    std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> bytes;
};

void set_segment_size(segment_control& control, std::size_t bytes) noexcept {
    cmsghdr header{};
    header.cmsg_level = SOL_UDP;
    header.cmsg_type = UDP_SEGMENT;
    header.cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    const auto value = static_cast<std::uint16_t>(bytes);
    std::memcpy(control.bytes.data(), &header, sizeof header);
    std::memcpy(control.bytes.data() + CMSG_LEN(0), &value, sizeof value);
}

/// Copy pieces one after another.
void assemble(const iovec* iovs, std::size_t n, std::uint8_t* out) noexcept {
    for (const iovec* const end = iovs + n; iovs < end; ++iovs) {
        if (iovs->iov_len == prefix_size)  // most headers; inline
            std::memcpy(out, iovs->iov_base, prefix_size);
        else
            std::memcpy(out, iovs->iov_base, iovs->iov_len);
        out += iovs->iov_len;
    }
}

void check_endpoints(const udp_options& options) {
    if (options.endpoints.empty())
        throw std::invalid_argument("endpoints is empty, but needs at least one");
    const endpoint& first = options.endpoints.front();
    for (const endpoint& e : options.endpoints) {
        if (e.family() != first.family())
            throw std::invalid_argument("endpoints are of different address families: " +
                                        first.to_string() + " and " + e.to_string());
        if (options.ttl && !options.socket && !e.is_multicast())
            throw std::invalid_argument("endpoint " + e.to_string() +
                                        " is not a multicast address, but ttl is for multicast "
                                        "only");
        if (e.port() == 0)
            log_message(log_level::warning,
                        "endpoint " + e.to_string() + " has port 0, to which nothing can be sent");
    }
}

void check_multicast(const udp_options& options) {
    const bool v6 = options.endpoints.front().family() == AF_INET6;
    if (options.ttl && (*options.ttl < 0 || *options.ttl > 255))
        throw std::invalid_argument("ttl is " + std::to_string(*options.ttl) +
                                    ", but must be from 0 to 255");
    if (options.interface_index) {
        const std::string index = "interface_index " + std::to_string(*options.interface_index);
        if (!options.ttl)
            throw std::invalid_argument(index + " is given without ttl, but is for multicast only");
        if (!v6)
            throw std::invalid_argument(index + " is for IPv6 multicast only, but endpoint " +
                                        options.endpoints.front().to_string() +
                                        " is not an IPv6 multicast address: give an "
                                        "interface_address");
    }
    if (options.ttl && !v6 && options.interface_address.find(':') != std::string::npos)
        throw std::invalid_argument("interface_address '" + options.interface_address +
                                    "' is not an IPv4 address, but endpoint " +
                                    options.endpoints.front().to_string() + " is");
    if (options.ttl && v6 && !options.interface_address.empty())
        throw std::invalid_argument("interface_address '" + options.interface_address +
                                    "' with ttl is for IPv4 multicast only, but endpoint " +
                                    options.endpoints.front().to_string() +
                                    " is not an IPv4 multicast address: give an interface_index");
}

void set_multicast(const unique_fd& fd, const udp_options& options) {
    const bool v6 = options.endpoints.front().family() == AF_INET6;
    const std::string ttl = "multicast ttl " + std::to_string(*options.ttl);
    if (v6) {
        set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, *options.ttl, ttl);
        if (options.interface_index)
            set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF,
                       static_cast<int>(*options.interface_index),
                       "multicast interface_index " + std::to_string(*options.interface_index));
    } else {
        set_option(fd, IPPROTO_IP, IP_MULTICAST_TTL, *options.ttl, ttl);
        if (!options.interface_address.empty()) {
            const endpoint local = endpoint::resolve(options.interface_address, 0, AF_INET);
            sockaddr_in address;
            std::memcpy(&address, local.address(), sizeof address);
            set_option(fd, IPPROTO_IP, IP_MULTICAST_IF, &address.sin_addr, sizeof address.sin_addr,
                       "multicast interface_address '" + options.interface_address + "'");
        }
    }
}

[[nodiscard]] unique_fd open_socket(const udp_options& options) {
    check_endpoints(options);
    const int family = options.endpoints.front().family();
    if (options.socket) {
        unique_fd fd = duplicate_socket(*options.socket, SOCK_DGRAM, IPPROTO_UDP);
        if (get_option(fd, SOL_SOCKET, SO_DOMAIN) != family)
            throw std::invalid_argument("endpoint " + options.endpoints.front().to_string() +
                                        " is not of the address family of socket " +
                                        std::to_string(*options.socket));
        sockaddr_storage peer;
        socklen_t length = sizeof peer;
        if (::getpeername(fd.get(), reinterpret_cast<sockaddr*>(&peer), &length) == 0)
            throw std::invalid_argument("socket " + std::to_string(*options.socket) +
                                        " is connected, but must not be");
        return fd;
    }
    check_multicast(options);
    unique_fd fd = make_socket(family, SOCK_DGRAM, IPPROTO_UDP);
    if (options.ttl)
        set_multicast(fd, options);
    else if (!options.interface_address.empty())
        bind_to(fd, options.interface_address, family);
    set_send_buffer(fd, options.buffer_size);
    return fd;
}

}  // namespace

class udp_transport::impl {
public:
    explicit impl(const udp_options& options) : fd_(open_socket(options)) {
        // Kernels before Linux 4.18 do not know the option (ENOPROTOOPT).
        const std::size_t largest = get_option(fd_, SOL_UDP, UDP_SEGMENT) < 0 ? 0 : any_size;
        destinations_.reserve(options.endpoints.size());
        for (const endpoint& e : options.endpoints) destinations_.push_back({e, largest});
        // Not initialised: what is never used then costs no memory.
        assembly_ = std::unique_ptr<std::uint8_t[]>(new std::uint8_t[assembly_bytes]);
    }

    [[nodiscard]] send_result send(packet_span packets) noexcept;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] std::size_t num_substreams() const noexcept { return destinations_.size(); }
    [[nodiscard]] bool segmentation_offload() const noexcept {
        return std::any_of(destinations_.begin(), destinations_.end(),
                           [](const destination& d) { return d.largest_segment != 0; });
    }
    void disable_segmentation_offload() noexcept {
        for (destination& d : destinations_) d.largest_segment = 0;
    }
    [[nodiscard]] std::string describe() const {
        constexpr std::size_t shown = 4;
        std::string text = "udp";
        for (std::size_t i = 0; i < std::min(shown, destinations_.size()); ++i)
            text += (i == 0 ? " " : ", ") + destinations_[i].to.to_string();
        if (destinations_.size() > shown)
            text += " and " + std::to_string(destinations_.size() - shown) + " more";
        return text;
    }

private:
    struct destination {
        endpoint to;
        /// Largest packet that segmentation offload is tried with; 0: not at all.
        std::size_t largest_segment;
    };
    enum class next_move : std::uint8_t {
        resend,   ///< the messages as they are
        rebuild,  ///< messages must be made anew
        wait,     ///< until the socket is writable
        fail,     ///< the message cannot be sent
    };

    [[nodiscard]] std::size_t message_packets(const packet& front, const packet* end,
                                              std::size_t& n_iov) const noexcept;
    [[nodiscard]] std::size_t build(packet_span packets, std::size_t first) noexcept;
    [[nodiscard]] int transmit(std::size_t first, std::size_t n) noexcept;
    [[nodiscard]] next_move recover(int error, const packet& front, std::size_t count,
                                    bool retried) noexcept;
    void fall_back(destination& d, std::size_t largest_segment, const char* why) noexcept;

    unique_fd fd_;
    std::vector<destination> destinations_;
    std::unique_ptr<std::uint8_t[]> assembly_;
    std::size_t max_segments_ = max_segments;
    bool logged_ = false;

    // One element a message.
    std::array<mmsghdr, max_messages> messages_;
    std::array<iovec, max_messages> iovs_;
    std::array<segment_control, max_messages> controls_;
    std::array<std::uint32_t, max_messages> counts_;  ///< packets
};

/// How many of the packets from \a front on, all below \a end, go in one message: equal ones to the
/// same substream, and maybe a shorter one. \a n_iov becomes the number of their iovecs.
std::size_t udp_transport::impl::message_packets(const packet& front, const packet* end,
                                                 std::size_t& n_iov) const noexcept {
    const packet* p = &front + 1;
    n_iov = front.n_iov;
    if (p == end || p->substream != front.substream ||
        front.size > destinations_[front.substream].largest_segment)
        return 1;
    const std::size_t limit = std::min(max_segments_, max_udp_payload / front.size);
    const packet* const stop =
        static_cast<std::size_t>(end - &front) > limit ? &front + limit : end;
    while (p < stop && p->size == front.size && p->substream == front.substream) ++p;
    if (p < stop && p->size < front.size && p->substream == front.substream) ++p;
    const auto iovs = [&front, &p] { return p[-1].first_iov + p[-1].n_iov - front.first_iov; };
    while (iovs() > max_iovs && p > &front + 1) --p;
    n_iov = iovs();
    return static_cast<std::size_t>(p - &front);
}

/// Make messages of the packets from number \a first on, as many as there is room for.
/// \return how many
std::size_t udp_transport::impl::build(packet_span packets, std::size_t first) noexcept {
    const packet* const end = packets.packets.data() + packets.packets.size();
    std::size_t n = 0;
    std::size_t assembled = 0;
    std::size_t n_controls = 0;
    std::size_t control_size = 0;
    for (const packet* front = packets.packets.data() + first; front < end && n < max_messages;
         ++n) {
        std::size_t n_iov;
        const std::size_t count = message_packets(*front, end, n_iov);
        const iovec* const iovs = packets.iovs + front->first_iov;
        const endpoint& to = destinations_[front->substream].to;
        msghdr& m = messages_[n].msg_hdr;
        m.msg_name = const_cast<sockaddr*>(to.address());
        m.msg_namelen = to.length();
        m.msg_flags = 0;
        m.msg_iov = const_cast<iovec*>(iovs);
        m.msg_iovlen = n_iov;
        counts_[n] = static_cast<std::uint32_t>(count);
        if (count == 1) {
            m.msg_control = nullptr;
            m.msg_controllen = 0;
        } else {
            const std::size_t bytes = (count - 1) * front->size + front[count - 1].size;
            if (n_iov == count) {
                // Nothing but headers and what was copied beside them: one piece already.
                iovs_[n] = {iovs->iov_base, bytes};
                m.msg_iov = &iovs_[n];
                m.msg_iovlen = 1;
            } else if (front->size < gather_size) {
                if (assembled + bytes > assembly_bytes) break;
                iovs_[n] = {assembly_.get() + assembled, bytes};
                assemble(iovs, n_iov, assembly_.get() + assembled);
                assembled += bytes;
                m.msg_iov = &iovs_[n];
                m.msg_iovlen = 1;
            }
            if (front->size != control_size) {
                control_size = front->size;
                set_segment_size(controls_[n_controls++], control_size);
            }
            m.msg_control = controls_[n_controls - 1].bytes.data();
            m.msg_controllen = sizeof controls_[0].bytes;
        }
        front += count;
    }
    return n;
}

/// Give messages [first, n) to the kernel. \return how many it took, or -1 with errno
int udp_transport::impl::transmit(std::size_t first, std::size_t n) noexcept {
    if (n - first == 1)
        return ::sendmsg(fd_.get(), &messages_[first].msg_hdr, MSG_DONTWAIT) < 0 ? -1 : 1;
    return ::sendmmsg(fd_.get(), &messages_[first], static_cast<unsigned>(n - first), MSG_DONTWAIT);
}

send_result udp_transport::impl::send(packet_span packets) noexcept {
    send_result result;
    bool retried = false;
    while (result.accepted < packets.packets.size()) {
        const std::size_t n = build(packets, result.accepted);
        for (std::size_t first = 0; first < n;) {
            const int sent = transmit(first, n);
            if (sent > 0) {
                for (int i = 0; i < sent; ++i) result.accepted += counts_[first++];
                result.released = result.accepted;
                retried = false;
                continue;
            }
            const int error = errno;
            if (error == EINTR) continue;
            const next_move move =
                recover(error, packets.packets[result.accepted], counts_[first], retried);
            if (move == next_move::rebuild) break;
            if (move == next_move::resend) {
                retried = true;
                continue;
            }
            if (move == next_move::wait) {
                result.wait = wait_for::writable;
            } else {
                result.failed = counts_[first];
                result.accepted += result.failed;
                result.error = std::error_code(error, std::generic_category());
            }
            return result;
        }
    }
    return result;
}

/// What to do after the kernel refused a message of \a count packets like \a front.
udp_transport::impl::next_move udp_transport::impl::recover(int error, const packet& front,
                                                            std::size_t count,
                                                            bool retried) noexcept {
    if (error == EAGAIN) return next_move::wait;

    // The fragments of a datagram above the MTU do not fit the socket buffer beside what is in
    // flight; or, if the owner of the socket asked to be told (IP_RECVERR), the device's queue is
    // full. Both pass when something has left. With nothing in flight, waiting would not help.
    if (error == ENOBUFS) {
        int in_flight = 0;
        if (::ioctl(fd_.get(), SIOCOUTQ, &in_flight) == 0 && in_flight > 0) return next_move::wait;
        return retried ? next_move::fail : next_move::resend;
    }

    if (count > 1) {
        destination& d = destinations_[front.substream];
        switch (error) {
            case EIO:
                // The network device cannot do checksums, and the kernel does not do them instead
                // (newer ones do, 6.18 for one); or there is IPsec on the way.
                // https://github.com/envoyproxy/envoy/issues/21200
                fall_back(d, 0, "the network device cannot do it");
                return next_move::rebuild;
            case EINVAL:
                if (count > max_segments_before) {
                    max_segments_ = max_segments_before;
                    return next_move::rebuild;
                }
                [[fallthrough]];
            case EMSGSIZE:
                // The segments, with their headers, are above the MTU: EINVAL from older kernels,
                // EMSGSIZE from newer. Packets of this size are fragmented from now on; smaller
                // ones may still use it. A route may change, so this may happen at any time.
                // https://github.com/quinn-rs/quinn/issues/2202
                fall_back(d, front.size - 1, "the packets are too large for the route");
                return next_move::rebuild;
            case EOPNOTSUPP:
            case ENOPROTOOPT:
                fall_back(d, 0, "the kernel does not support it");
                return next_move::rebuild;
            default:
                break;
        }
    }

    // The error may be an older packet's: an ICMP answer that the owner of the socket asked for
    // with IP_RECVERR. The kernel reports it once, in place of sending.
    return retried ? next_move::fail : next_move::resend;
}

void udp_transport::impl::fall_back(destination& d, std::size_t largest_segment,
                                    const char* why) noexcept {
    d.largest_segment = largest_segment;
    if (std::exchange(logged_, true)) return;
    try {
        log_message(log_level::info,
                    "sending to " + d.to.to_string() + " without UDP segmentation offload: " + why);
    } catch (const std::exception&) {
        // no memory for the text
    }
}

udp_transport::udp_transport(const udp_options& options) : impl_(std::make_unique<impl>(options)) {}
udp_transport::~udp_transport() = default;

std::size_t udp_transport::num_substreams() const noexcept { return impl_->num_substreams(); }
send_result udp_transport::send(packet_span packets) noexcept { return impl_->send(packets); }
int udp_transport::wait_fd() const noexcept { return impl_->fd(); }
std::string udp_transport::describe() const { return impl_->describe(); }
bool udp_transport::segmentation_offload() const noexcept { return impl_->segmentation_offload(); }
void udp_transport::disable_segmentation_offload() noexcept {
    impl_->disable_segmentation_offload();
}

}  // namespace spead2::send
