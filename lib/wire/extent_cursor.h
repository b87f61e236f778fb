// SPDX-License-Identifier: Apache-2.0
// Where the payload of a packet under construction goes: large pieces get an iovec of their own,
// small ones are copied beside the headers.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <spead2/wire/packet_batch.h>

namespace spead2::wire {

struct extent_cursor {
    std::uint8_t* bytes;  ///< behind the headers and what was copied
    iovec* last;          ///< of the packet

    void append(const std::uint8_t* data, std::size_t length) noexcept {
        if (length > packet_batch::small_extent)
            *++last = {const_cast<std::uint8_t*>(data), length};
        else if (length != 0)
            std::memcpy(room(length), data, length);
    }
    /// Room for \a length bytes: part of the last iovec, if that ends there.
    [[nodiscard]] std::uint8_t* room(std::size_t length) noexcept {
        if (static_cast<std::uint8_t*>(last->iov_base) + last->iov_len != bytes)
            *++last = {bytes, 0};
        last->iov_len += length;
        return std::exchange(bytes, bytes + length);
    }
};

}  // namespace spead2::wire
