// SPDX-License-Identifier: Apache-2.0
#include "udp_pages.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cerrno>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103  // the C library is older than the kernel may be
#endif

namespace spead2::send::detail {
namespace {

[[nodiscard]] bool set_segment(int fd, std::size_t size) noexcept {
    const int value = static_cast<int>(size);
    return ::setsockopt(fd, SOL_UDP, UDP_SEGMENT, &value, sizeof value) == 0;
}

/// Errors that may be due to the segment size; udp_kernel.cc says when.
[[nodiscard]] bool is_about_segments(int error) noexcept {
    return error == EINVAL || error == EMSGSIZE || error == EIO || error == EOPNOTSUPP ||
           error == ENOPROTOOPT;
}

}  // namespace

void udp_pages::set(std::size_t largest) noexcept {
    // Of a packet that is larger than the segment size, there would be several datagrams.
    if (largest >= most || ++changes_ > most_changes || !set_segment(fd_, largest))
        give_up();
    else
        segment_ = largest;
}

bool udp_pages::end(int error) noexcept {
    if (segment_ == 0 || !is_about_segments(error)) return false;
    give_up();
    return true;
}

void udp_pages::disable() noexcept {
    wanted_ = false;
    give_up();
}

void udp_pages::give_up() noexcept {
    possible_ = false;
    if (segment_ == 0) return;
    static_cast<void>(set_segment(fd_, 0));
    segment_ = 0;
}

}  // namespace spead2::send::detail
