// SPDX-License-Identifier: Apache-2.0
// Where the payload of a packet under construction goes: large pieces get an iovec of their own,
// small ones are copied beside the headers.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "packet_batch.h"

namespace spead2::send::detail {

/// Pieces up to this many bytes are copied without a call.
inline constexpr std::size_t short_piece = 64;

/// Copy at most short_piece bytes: with moves that overlap instead of a loop.
inline void copy_short(std::uint8_t* to, const std::uint8_t* from, std::size_t length) noexcept {
    if (length >= 32) {
        std::memcpy(to, from, 16);
        std::memcpy(to + 16, from + 16, 16);
        std::memcpy(to + length - 32, from + length - 32, 16);
        std::memcpy(to + length - 16, from + length - 16, 16);
    } else if (length >= 16) {
        std::memcpy(to, from, 16);
        std::memcpy(to + length - 16, from + length - 16, 16);
    } else if (length >= 8) {
        std::memcpy(to, from, 8);
        std::memcpy(to + length - 8, from + length - 8, 8);
    } else if (length >= 4) {
        std::memcpy(to, from, 4);
        std::memcpy(to + length - 4, from + length - 4, 4);
    } else if (length != 0) {
        to[0] = from[0];
        to[length / 2] = from[length / 2];
        to[length - 1] = from[length - 1];
    }
}

/// The iovec of what was copied last is written when a large piece follows, or at the end.
struct extent_cursor {
    std::uint8_t* bytes;  ///< behind the headers and what was copied
    iovec* next;          ///< where the next iovec goes
    std::uint8_t* open;   ///< from here to bytes there is no iovec yet

    /// \param packet  where the packet starts
    /// \param bytes   behind its headers
    /// \param next    where its first iovec goes
    extent_cursor(std::uint8_t* packet, std::uint8_t* bytes, iovec* next) noexcept
        : bytes(bytes), next(next), open(packet) {}

    void append(const std::uint8_t* data, std::size_t length) noexcept {
        if (length <= short_piece) {
            copy_short(room(length), data, length);
        } else if (length <= packet_batch::small_extent) {
            std::memcpy(room(length), data, length);
        } else {
            close();
            *next++ = {const_cast<std::uint8_t*>(data), length};
        }
    }
    /// Room for \a length bytes.
    [[nodiscard]] std::uint8_t* room(std::size_t length) noexcept {
        return std::exchange(bytes, bytes + length);
    }
    /// Write the iovec of what has none yet. To be called at the end of the packet.
    void close() noexcept {
        if (bytes == open) return;
        *next++ = {open, static_cast<std::size_t>(bytes - open)};
        open = bytes;
    }
};

}  // namespace spead2::send::detail
