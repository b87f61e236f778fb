// SPDX-License-Identifier: Apache-2.0
// What the transports with sockets have in common: making, checking and setting up a descriptor.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <unistd.h>

#include <spead2/net/endpoint.h>

namespace spead2 {

/// A file descriptor that is closed at the end.
class unique_fd {
public:
    explicit unique_fd(int fd) noexcept : fd_(fd) {}
    unique_fd(const unique_fd&) = delete;
    unique_fd& operator=(const unique_fd&) = delete;
    unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    unique_fd& operator=(unique_fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~unique_fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }
    /// Leave it to the caller.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_;
};

/// A new socket, closed on exec. \throw std::system_error
[[nodiscard]] unique_fd make_socket(int family, int type, int protocol);

/// A duplicate of the caller's socket, closed on exec.
/// \throw std::invalid_argument unless it is an internet socket of this type and protocol
/// \throw std::system_error
[[nodiscard]] unique_fd duplicate_socket(int fd, int type, int protocol);

/// Set an option. \param what  what is asked for, for the error's text. \throw std::system_error
void set_option(const unique_fd& fd, int level, int name, const void* value, socklen_t length,
                const std::string& what);
void set_option(const unique_fd& fd, int level, int name, int value, const std::string& what);

/// Value of an integer option, or -1 if the socket does not have it.
[[nodiscard]] int get_option(const unique_fd& fd, int level, int name) noexcept;

/// Ask for a send buffer; log a warning if the system gives less. 0 leaves the system's.
void set_send_buffer(const unique_fd& fd, std::size_t bytes);

/// Set the traffic class of what is sent; 0 leaves it. \throw socket_setup_error
void set_dscp(const unique_fd& fd, int family, int dscp);

/// Bind to a local address, any port. \param interface_address  the address, or the name of the
/// interface that has it \throw resolve_error, socket_setup_error
void bind_to(const unique_fd& fd, const std::string& interface_address, int family);

}  // namespace spead2
