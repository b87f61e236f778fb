// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/transports/pcap.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <spead2/wire/limits.h>

#include "net/capture_format.h"
#include "net/socket.h"
#include "net/udp_frame.h"

namespace spead2::send {
namespace {

using clock = std::chrono::steady_clock;

/// What is written at once, at least; a packet more may be in it.
constexpr std::size_t write_size = 256 * 1024;

[[nodiscard]] std::system_error file_error(const std::string& path) {
    return {errno, std::generic_category(), "cannot write the capture file " + path};
}

[[nodiscard]] unique_fd make_file(const std::string& path) {
    if (path.empty()) throw std::invalid_argument("path is empty, but must name a file");
    if (path.find('\0') != std::string::npos)
        throw std::invalid_argument("path has a NUL character");
    unique_fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (fd.get() < 0) throw file_error(path);
    const capture_file_header header;
    if (::write(fd.get(), &header, sizeof header) != ssize_t{sizeof header}) throw file_error(path);
    return fd;
}

[[nodiscard]] std::vector<udp_frame> make_frames(const pcap_options& options) {
    if (options.endpoints.empty())
        throw std::invalid_argument("endpoints is empty, but needs at least one");
    check_options(options);
    std::vector<udp_frame> frames;
    for (const endpoint& e : options.endpoints) {
        const bool v6 = e.family() == AF_INET6;
        const auto port = static_cast<std::uint16_t>(options.source_port);
        frames.emplace_back(
            endpoint::resolve(v6 ? options.source6 : options.source4, port, e.family()), e,
            static_cast<std::uint8_t>(options.ttl), traffic_class(options.dscp));
    }
    return frames;
}

void check_packet_size(std::size_t max_packet_size) {
    if (max_packet_size > max_udp_payload)
        throw std::invalid_argument("max_packet_size " + std::to_string(max_packet_size) +
                                    " is more than UDP can carry, " +
                                    std::to_string(max_udp_payload) + " bytes");
}

}  // namespace

class pcap_transport::impl {
public:
    impl(const pcap_options& options, std::size_t max_packet_size)
        : path_(options.path), frames_(make_frames(options)) {
        check_packet_size(max_packet_size);
        fd_ = make_file(path_);
        buffer_.reserve(write_size + max_udp_payload + 256);
    }

    [[nodiscard]] std::size_t num_substreams() const noexcept { return frames_.size(); }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] send_result send(packet_span packets) noexcept;

private:
    void add(const packet& p, const iovec* iovs, clock::time_point due) noexcept;
    [[nodiscard]] int write() noexcept;

    std::string path_;
    std::vector<udp_frame> frames_;  ///< by substream
    unique_fd fd_{-1};
    std::uint64_t size_ = sizeof(capture_file_header);  ///< of the file, whole packets
    /// Never resized beyond its capacity.
    std::vector<std::uint8_t> buffer_;
    const std::chrono::nanoseconds to_civil_time_ =
        std::chrono::system_clock::now().time_since_epoch() - clock::now().time_since_epoch();
};

/// Put a packet into the buffer.
void pcap_transport::impl::add(const packet& p, const iovec* iovs, clock::time_point due) noexcept {
    const udp_frame& frame = frames_[p.substream];
    const std::size_t length = frame.header_size() + p.size;
    const capture_record_header header(due.time_since_epoch() + to_civil_time_, length);
    const std::size_t at = buffer_.size();
    buffer_.resize(at + sizeof header + length);
    std::uint8_t* to = buffer_.data() + at;
    std::memcpy(to, &header, sizeof header);
    to += sizeof header;
    std::uint8_t* payload = to + frame.header_size();
    for (std::uint32_t i = 0; i < p.n_iov; ++i) {
        std::memcpy(payload, iovs[i].iov_base, iovs[i].iov_len);
        payload += iovs[i].iov_len;
    }
    frame.write(to, p.size);
}

/// Write the buffer, all of it or nothing. \return errno
int pcap_transport::impl::write() noexcept {
    std::size_t done = 0;
    int error = 0;
    while (done < buffer_.size() && error == 0) {
        const ssize_t n = ::write(fd_.get(), buffer_.data() + done, buffer_.size() - done);
        if (n >= 0)
            done += static_cast<std::size_t>(n);
        else if (errno != EINTR)
            error = errno;
    }
    if (error == 0)
        size_ += done;
    else if (done != 0 && ::ftruncate(fd_.get(), static_cast<off_t>(size_)) == 0)
        ::lseek(fd_.get(), static_cast<off_t>(size_), SEEK_SET);
    buffer_.clear();
    return error;
}

send_result pcap_transport::impl::send(packet_span packets) noexcept {
    send_result result;
    const bool scheduled = packets.due != clock::time_point{};
    const clock::time_point first = scheduled ? packets.due : clock::now();
    double bytes = 0.0;
    std::size_t buffered = 0;
    while (result.accepted < packets.packets.size()) {
        const packet& p = packets.packets[result.accepted++];
        const std::chrono::duration<double> after(bytes * packets.seconds_per_byte);
        add(p, packets.iovs + p.first_iov,
            first + std::chrono::duration_cast<clock::duration>(after));
        bytes += p.size;
        ++buffered;
        if (buffer_.size() < write_size && result.accepted < packets.packets.size()) continue;
        if (const int error = write(); error != 0) {
            result.failed = buffered;
            result.error = std::error_code(error, std::generic_category());
            return result;
        }
        result.released += std::exchange(buffered, 0);
    }
    return result;
}

pcap_transport::pcap_transport(const pcap_options& options, std::size_t max_packet_size)
    : impl_(std::make_unique<impl>(options, max_packet_size)) {}
pcap_transport::~pcap_transport() = default;

std::size_t pcap_transport::num_substreams() const noexcept { return impl_->num_substreams(); }
send_result pcap_transport::send(packet_span packets) noexcept { return impl_->send(packets); }
std::string pcap_transport::describe() const { return "pcap " + impl_->path(); }

}  // namespace spead2::send
