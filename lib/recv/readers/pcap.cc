// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/readers/pcap.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include <spead2/base/errors.h>

#include "net/capture_records.h"
#include "net/ip_fragments.h"
#include "net/link_layer.h"
#include "net/pcap_library.h"
#include "net/socket.h"

namespace spead2::recv {
namespace {

using std::chrono::nanoseconds;

/// Packets that count as a batch, as many as a UDP reader takes with one system call.
constexpr std::size_t packets_a_batch = 64;

/// Bytes that are read from the file at once.
constexpr std::size_t file_buffer = std::size_t{256} << 10;

struct file_closer {
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): of C, without gsl::owner
    void operator()(std::FILE* file) const noexcept { static_cast<void>(std::fclose(file)); }
};
using file_ptr = std::unique_ptr<std::FILE, file_closer>;

file_ptr open_file(const std::string& name) {
    const auto fail = [&name](int error, const char* why) {
        throw socket_setup_error(error, std::generic_category(),
                                 "capture file '" + name + "' " + why);
    };
    unique_fd fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0) fail(errno, "cannot be opened");
    // Reading others may take for ever, and nobody else is served meanwhile.
    if (!S_ISREG(status.st_mode)) fail(EINVAL, "is not a regular file");
    file_ptr file(::fdopen(fd.get(), "rb"));
    if (!file) fail(errno, "cannot be opened");
    static_cast<void>(fd.release());
    static_cast<void>(std::setvbuf(file.get(), nullptr, _IOFBF, file_buffer));
    return file;
}

}  // namespace

class pcap_reader::impl {
    struct closer {
        void operator()(pcap_handle* handle) const { pcap_library::get().close(handle); }
    };

public:
    explicit impl(const pcap_reader_options& options)
        : name_(options.filename), at_own_pace_(options.at_own_pace) {
        file_ptr file = open_file(name_);
        std::string error(pcap_library::error_size, '\0');
        handle_.reset(library_.open(file.get(), pcap_library::nanoseconds, error.data()));
        if (!handle_) fail(error.substr(0, error.find('\0')));
        const int fd = ::fileno(file.release());  // the handle's now
        link_ = static_cast<link_type>(library_.link_type(handle_.get()));
        if (!is_known(link_))
            fail("pcap linktype " + std::to_string(static_cast<int>(link_)) +
                 " is neither ethernet nor linux sll, nor another one that is known");
        if (options.filter.empty())
            records_ = capture_records::open(fd);
        else
            set_filter(options.filter);
        if (!at_own_pace_) return;
        timer_ = unique_fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
        if (timer_.get() < 0)
            throw socket_setup_error(errno, std::generic_category(), "timerfd_create");
    }

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    [[nodiscard]] read_wait read(intake& to) {
        for (std::size_t bytes = 0; bytes < bounded_bytes; bytes += captured_) {
            if (!has_datagram_) {
                if (!next(to)) return {.what = read_wait::kind::ended};
                if (datagram_.empty()) continue;
                has_datagram_ = true;
            }
            if (at_own_pace_ && wait_for(due_))
                return {.what = read_wait::kind::readable, .fd = timer_.get()};
            if (in_batch_ == 0) to.begin_batch();
            if (to.add_datagrams(datagram_, datagram_.size()) == 0) {
                if (in_batch_ == 0) in_batch_ = 1;  // it has begun
                return {};
            }
            has_datagram_ = false;
            in_batch_ = (in_batch_ + 1) % packets_a_batch;
            if (!to.takes_more()) return {};
        }
        return {};
    }

private:
    [[noreturn]] void fail(const std::string& why) const {
        throw std::runtime_error("capture file '" + name_ + "': " + why);
    }

    void set_filter(const std::string& text) {
        if (text.find('\0') != std::string::npos)
            throw std::invalid_argument("the filter has a null character");
        constexpr std::uint32_t unknown_netmask = 0xffffffff;
        pcap_filter filter{};
        if (library_.compile(handle_.get(), &filter, text.c_str(), 1, unknown_netmask) != 0)
            fail("filter '" + text + "': " + library_.error_text(handle_.get()));
        const int result = library_.set_filter(handle_.get(), &filter);
        library_.free_filter(&filter);
        if (result != 0) fail(library_.error_text(handle_.get()));
    }

    /// Have datagram_ be that of the next packet, or empty. \return false if there is no packet
    [[nodiscard]] bool next(intake& to) {
        constexpr int end_of_file = -2;
        pcap_packet_header own;
        pcap_packet_header* header = &own;
        const std::uint8_t* data = nullptr;
        datagram_ = {};
        const int result =
            records_ ? records_->next(own, data) : library_.next(handle_.get(), &header, &data);
        if (result != 1) {
            if (result != end_of_file)
                to.log(log_level::warning,
                       "Error reading packet: " +
                           (records_ ? records_->error()
                                     : std::string(library_.error_text(handle_.get()))));
            return false;
        }
        captured_ = header->captured;
        if (at_own_pace_) set_due(header->time);
        if (header->captured < header->original) {
            to.log(log_level::warning, "Packet was truncated (" + std::to_string(header->captured) +
                                           " < " + std::to_string(header->original) + ")");
            return true;
        }
        const auto packet = find_ip(link_, {data, header->captured});
        std::optional<udp_datagram> found = find_udp_in_ip(packet);
        if (!found) found = fragments_.add(packet);
        if (found) datagram_ = found->payload;
        return true;
    }

    // ---- The pace

    void set_due(const timeval& captured) noexcept {
        // What a file says may be anything: no overflow, and never back.
        const auto at = static_cast<std::uint64_t>(captured.tv_sec) * 1'000'000'000U +
                        static_cast<std::uint64_t>(captured.tv_usec);
        if (!began_) {
            began_ = true;
            first_captured_ = at;
            first_read_ = std::chrono::steady_clock::now();
        }
        const auto after = static_cast<std::int64_t>(at - first_captured_);
        constexpr std::int64_t longest = std::int64_t{365} * 24 * 3600 * 1'000'000'000;
        due_ =
            std::max(due_, first_read_ + nanoseconds(std::clamp<std::int64_t>(after, 0, longest)));
    }

    /// \return false if the time has come; else the timer is set
    [[nodiscard]] bool wait_for(std::chrono::steady_clock::time_point time) noexcept {
        if (std::chrono::steady_clock::now() >= time) return false;
        const auto since = std::chrono::duration_cast<nanoseconds>(time.time_since_epoch()).count();
        itimerspec at{};
        at.it_value.tv_sec = since / 1'000'000'000;
        at.it_value.tv_nsec = since % 1'000'000'000;
        return ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr) == 0;
    }

    const pcap_library& library_ = pcap_library::get();
    const std::string name_;
    const bool at_own_pace_;
    std::unique_ptr<pcap_handle, closer> handle_;
    std::unique_ptr<capture_records> records_;  ///< reads in place of the library, unless null
    link_type link_ = link_type::ethernet;
    ip_fragments fragments_;
    std::span<const std::uint8_t>
        datagram_;               ///< of the last packet, in the file's buffer or fragments_
    bool has_datagram_ = false;  ///< it was not taken yet
    std::size_t captured_ = 0;   ///< bytes of the last packet
    std::size_t in_batch_ = 0;

    unique_fd timer_{-1};
    bool began_ = false;
    std::uint64_t first_captured_ = 0;
    std::chrono::steady_clock::time_point first_read_;
    std::chrono::steady_clock::time_point due_;
};

pcap_reader::pcap_reader(const pcap_reader_options& options)
    : impl_(std::make_unique<impl>(options)) {}
pcap_reader::~pcap_reader() = default;

read_wait pcap_reader::read(intake& to) { return impl_->read(to); }

std::string pcap_reader::describe() const { return "capture file " + impl_->name(); }

}  // namespace spead2::recv
