// SPDX-License-Identifier: Apache-2.0
// The packets of a capture file in its commonest form (pcap 2.4 in this machine's byte order), as
// libpcap would give them, but without copying them once more. What libpcap makes of the file's header
// has been seen to by it: its errors are not looked for here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "net/pcap_library.h"

namespace spead2 {

class capture_records {
public:
    /// \param fd  of the file, which libpcap has opened; its position is not used. Must stay open
    /// \return null if the file is of another form
    [[nodiscard]] static std::unique_ptr<capture_records> open(int fd);

    /// As pcap_library::next, with nanoseconds. \return 1: a packet, which is valid until the next call;
    /// -2: the end; -1: see error()
    [[nodiscard]] int next(pcap_packet_header& header, const std::uint8_t*& data) {
        constexpr std::size_t record_size = 16;
        if (end_ - at_ < record_size && !fill(record_size)) return finish();
        const record r = read_record();
        if (r.captured > most_captured) return fail(r.captured);
        const std::size_t size = record_size + r.captured;
        if (end_ - at_ < size && !fill(size)) return finish();
        header.time.tv_sec = r.seconds;
        header.time.tv_usec = static_cast<std::int64_t>(r.fraction) * scale_;
        header.captured = r.captured < snapshot_ ? r.captured : snapshot_;
        header.original = r.original;
        data = buffer_.get() + at_ + record_size;
        at_ += size;
        return 1;
    }
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

private:
    struct record {
        std::uint32_t seconds, fraction, captured, original;
    };

    capture_records(int fd, std::uint32_t snapshot, bool nanoseconds);
    [[nodiscard]] record read_record() const noexcept;
    [[nodiscard]] bool fill(std::size_t needed);
    [[nodiscard]] int finish();
    [[nodiscard]] int fail(std::uint32_t captured);

    /// Bytes of one packet; what says more is no packet.
    static constexpr std::uint32_t most_captured = 262144;

    const int fd_;
    const std::uint32_t snapshot_;  ///< bytes of a packet that are given out at most
    const std::int64_t scale_;      ///< of times, to nanoseconds
    std::unique_ptr<std::uint8_t[]> buffer_;
    std::size_t at_ = 0;
    std::size_t end_ = 0;
    std::int64_t offset_;  ///< in the file, of what comes after the buffer
    std::string error_;
};

}  // namespace spead2
