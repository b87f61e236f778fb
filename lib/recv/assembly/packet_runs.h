// SPDX-License-Identifier: Apache-2.0
// Packets that came together, as assembly goes through them: at() is where the next one is, if it has so
// many bytes, else null; after take() it is the one behind that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace spead2::recv {

/// Packets back to back, each as long as it says itself.
struct packet_run {
    const std::uint8_t* data;
    std::size_t left;  ///< bytes

    [[nodiscard]] const std::uint8_t* at(std::size_t size) const noexcept {
        return size <= left ? data : nullptr;
    }
    void take(std::size_t size) noexcept {
        data += size;
        left -= size;
    }
};

/// Datagrams back to back, all of one size but the last, which may be shorter.
struct datagram_run {
    const std::uint8_t* data;
    std::size_t left;  ///< bytes
    std::size_t segment;

    [[nodiscard]] const std::uint8_t* at(std::size_t size) const noexcept {
        return size == left || (size == segment && size < left) ? data : nullptr;
    }
    void take(std::size_t size) noexcept {
        data += size;
        left -= size;
    }
};

/// Datagrams anywhere.
struct datagram_list {
    std::span<const std::span<const std::uint8_t>> left;

    [[nodiscard]] const std::uint8_t* at(std::size_t size) const noexcept {
        return !left.empty() && left.front().size() == size ? left.front().data() : nullptr;
    }
    void take(std::size_t) noexcept { left = left.subspan(1); }
};

}  // namespace spead2::recv
