// SPDX-License-Identifier: Apache-2.0
#include "udp_messages.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include <spead2/wire/limits.h>
#include <spead2/wire/protocol.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103  // the C library is older than the kernel may be
#endif

namespace spead2::send::detail {
namespace {

/// iovecs of one message: UIO_MAXIOV, the kernel's.
constexpr std::size_t max_iovs = 1024;

/// Room to copy packets together. Measured: up to this, what the kernel reads again is still in the
/// second level cache; four times as much is a fifth slower.
constexpr std::size_t assembly_bytes = 128 * 1024;

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

}  // namespace

void udp_messages::segment_control::set(std::size_t size) noexcept {
    cmsghdr header{};
    header.cmsg_level = SOL_UDP;
    header.cmsg_type = UDP_SEGMENT;
    header.cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    const auto value = static_cast<std::uint16_t>(size);
    std::memcpy(bytes.data(), &header, sizeof header);
    std::memcpy(bytes.data() + CMSG_LEN(0), &value, sizeof value);
}

udp_messages::udp_messages(std::vector<endpoint> destinations, const udp_kernel& kernel)
    : destinations_(std::move(destinations)), kernel_(kernel), assembly_(assembly_bytes) {}

std::size_t udp_messages::most_packets(std::size_t packet_size) const noexcept {
    return std::min(kernel_.max_segments(), max_udp_payload / packet_size);
}

/// How many of the packets from \a front on, all below \a end, go in one message: equal ones to the
/// same substream, and maybe a shorter one. \a n_iov becomes the number of their iovecs.
std::size_t udp_messages::message_packets(const packet& front, const packet* end,
                                          std::size_t& n_iov) const noexcept {
    const packet* p = &front + 1;
    n_iov = front.n_iov;
    if (p == end || p->substream != front.substream ||
        front.size > kernel_.largest_segment(front.substream))
        return 1;
    const std::size_t limit = most_packets(front.size);
    const packet* const stop =
        static_cast<std::size_t>(end - &front) > limit ? &front + limit : end;
    while (p < stop && p->size == front.size && p->substream == front.substream) ++p;
    if (p < stop && p->size < front.size && p->substream == front.substream) ++p;
    const auto iovs = [&front, &p] { return p[-1].first_iov + p[-1].n_iov - front.first_iov; };
    while (iovs() > max_iovs && p > &front + 1) --p;
    n_iov = iovs();
    return static_cast<std::size_t>(p - &front);
}

std::size_t udp_messages::build(packet_span packets, std::size_t first, bool connected) noexcept {
    const packet* const end = packets.packets.data() + packets.packets.size();
    const std::size_t most = std::min(kernel_.max_messages(), max_messages);
    std::size_t n = 0;
    std::size_t assembled = 0;
    std::size_t n_controls = 0;
    std::size_t control_size = 0;
    largest_alone_ = 0;
    for (const packet* front = packets.packets.data() + first; front < end && n < most; ++n) {
        std::size_t n_iov;
        const std::size_t count = message_packets(*front, end, n_iov);
        const iovec* const iovs = packets.iovs + front->first_iov;
        const endpoint& to = destinations_[front->substream];
        msghdr& m = messages_[n].msg_hdr;
        m.msg_name = connected ? nullptr : const_cast<sockaddr*>(to.address());
        m.msg_namelen = connected ? 0 : to.length();
        m.msg_flags = 0;
        m.msg_iov = const_cast<iovec*>(iovs);
        m.msg_iovlen = n_iov;
        counts_[n] = static_cast<std::uint32_t>(count);
        if (count == 1) {
            m.msg_control = nullptr;
            m.msg_controllen = 0;
            largest_alone_ = std::max<std::size_t>(largest_alone_, front->size);
        } else {
            const std::size_t bytes = (count - 1) * front->size + front[count - 1].size;
            if (n_iov == count) {
                // Nothing but headers and what was copied beside them: one piece already.
                iovs_[n] = {iovs->iov_base, bytes};
                m.msg_iov = &iovs_[n];
                m.msg_iovlen = 1;
            } else if (front->size < whole_below) {
                if (assembled + bytes > assembly_bytes) break;
                iovs_[n] = {assembly_.get() + assembled, bytes};
                assemble(iovs, n_iov, assembly_.get() + assembled);
                assembled += bytes;
                m.msg_iov = &iovs_[n];
                m.msg_iovlen = 1;
            }
            if (front->size != control_size) {
                control_size = front->size;
                controls_[n_controls++].set(control_size);
            }
            m.msg_control = controls_[n_controls - 1].bytes.data();
            m.msg_controllen = sizeof controls_[0].bytes;
        }
        front += count;
    }
    return n;
}

}  // namespace spead2::send::detail
