// SPDX-License-Identifier: Apache-2.0
#include "capture_records.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>

namespace spead2 {
namespace {

constexpr std::size_t file_header_size = 24;

/// Bytes that are read at once: they are to be in the cache still when they are copied on.
constexpr std::size_t read_size = std::size_t{256} << 10;

struct file_header {
    std::uint32_t magic;
    std::uint16_t major_version, minor_version;
    std::uint32_t unused[2];
    std::uint32_t snapshot;
    std::uint32_t link_type;
};
static_assert(sizeof(file_header) == file_header_size);

}  // namespace

std::unique_ptr<capture_records> capture_records::open(int fd) {
    constexpr std::uint32_t microseconds = 0xa1b2c3d4, nanoseconds = 0xa1b23c4d;
    file_header header;
    if (::pread(fd, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header) ||
        (header.magic != microseconds && header.magic != nanoseconds) ||
        header.major_version != 2 || header.minor_version != 4)
        return nullptr;
    const bool unlimited =
        header.snapshot == 0 ||
        header.snapshot > static_cast<std::uint32_t>(std::numeric_limits<std::int32_t>::max());
    return std::unique_ptr<capture_records>(new capture_records(
        fd, unlimited ? most_captured : header.snapshot, header.magic == nanoseconds));
}

capture_records::capture_records(int fd, std::uint32_t snapshot, bool nanoseconds)
    : fd_(fd),
      snapshot_(snapshot),
      scale_(nanoseconds ? 1 : 1000),
      // Not initialised: what is never used then costs no memory.
      buffer_(new std::uint8_t[read_size + sizeof(record) + most_captured]),
      offset_(file_header_size) {}

capture_records::record capture_records::read_record() const noexcept {
    record r;
    std::memcpy(&r, buffer_.get() + at_, sizeof r);
    return r;
}

/// Have so many bytes in the buffer from at_ on. \return false if the file ends before, or cannot be read
bool capture_records::fill(std::size_t needed) {
    end_ -= at_;
    std::memmove(buffer_.get(), buffer_.get() + at_, end_);
    at_ = 0;
    while (end_ < needed) {
        const ssize_t got = ::pread(fd_, buffer_.get() + end_, read_size, offset_);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) error_ = std::generic_category().message(errno);
        if (got <= 0) return false;
        end_ += static_cast<std::size_t>(got);
        offset_ += got;
    }
    return true;
}

int capture_records::finish() {
    if (error_.empty() && end_ == 0) return -2;
    if (error_.empty()) error_ = "the file is cut off within a packet";
    return -1;
}

int capture_records::fail(std::uint32_t captured) {
    error_ = "a packet has " + std::to_string(captured) + " bytes, more than the " +
             std::to_string(most_captured) + " that there can be";
    return -1;
}

}  // namespace spead2
