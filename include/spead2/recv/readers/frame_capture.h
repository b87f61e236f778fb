// SPDX-License-Identifier: Apache-2.0
// Frames as they come to a network device, past the kernel, for capture files: whole, with the
// addresses that they came with.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <spead2/recv/readers/udp_ibv.h>

namespace spead2::recv {

class frame_capture {
public:
    /// Has the device steer frames here from now on.
    /// \param options  what is captured: UDP packets to the endpoints. max_poll does not matter
    /// \throw as udp_ibv_reader and its start()
    explicit frame_capture(const udp_ibv_reader_options& options);
    frame_capture(const frame_capture&) = delete;
    frame_capture& operator=(const frame_capture&) = delete;
    ~frame_capture();

    /// Append frames that are there, or that come within \a limit, as records of a pcap file (times
    /// in nanoseconds, byte order of the machine). Frames that are larger than max_size allows are
    /// left out. From one thread at a time; others wait.
    /// \param most  frames
    /// \return how many; 0: none came
    /// \throw std::system_error  the device does not receive any more
    [[nodiscard]] std::size_t read(std::chrono::nanoseconds limit, std::size_t most,
                                   std::vector<std::uint8_t>& records);

    /// One line for people.
    [[nodiscard]] std::string describe() const;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace spead2::recv
