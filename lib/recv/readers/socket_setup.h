// SPDX-License-Identifier: Apache-2.0
// What the readers with sockets have in common.
#pragma once

#include <cstddef>
#include <string>

#include "net/socket.h"

namespace spead2::recv {

/// Ask for a receive buffer; log a warning if the system gives less. 0 leaves the system's.
void set_receive_buffer(const unique_fd& fd, std::size_t bytes);

/// Bind, or throw socket_setup_error.
void bind_socket(const unique_fd& fd, const endpoint& address);

/// Close a socket, but keep its number: a worker may be about to wait for it, and must not find that
/// somebody else has it.
void let_go(const unique_fd& fd) noexcept;

/// The address that a socket is bound to, as text.
[[nodiscard]] std::string local_name(const unique_fd& fd);

}  // namespace spead2::recv
