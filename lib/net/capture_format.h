// SPDX-License-Identifier: Apache-2.0
// What capture files begin with and what stands before each frame (pcap 2.4), as both who send into them
// and who receive frames write it: in the byte order of the machine, which readers find out.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace spead2 {

struct capture_file_header {
    std::uint32_t magic = 0xa1b23c4d;  // times in nanoseconds
    std::uint16_t major = 2;
    std::uint16_t minor = 4;
    std::uint32_t zone = 0;
    std::uint32_t accuracy = 0;
    std::uint32_t largest = 262144;  // bytes of a frame
    std::uint32_t link = 1;          // Ethernet
};

struct capture_record_header {
    /// \param time    since 1970
    /// \param length  bytes of the frame, all of which follow
    capture_record_header(std::chrono::nanoseconds time, std::size_t length) noexcept
        : seconds(static_cast<std::uint32_t>(time.count() / 1'000'000'000)),
          nanoseconds(static_cast<std::uint32_t>(time.count() % 1'000'000'000)),
          captured(static_cast<std::uint32_t>(length)),
          length(static_cast<std::uint32_t>(length)) {}

    std::uint32_t seconds;
    std::uint32_t nanoseconds;
    std::uint32_t captured;
    std::uint32_t length;
};

}  // namespace spead2
