// SPDX-License-Identifier: Apache-2.0
// Packets stand back to back in what comes. What cannot be understood is skipped in steps of eight
// bytes, as all that is in a packet has its length.
#include <spead2/recv/readers/tcp.h>

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "socket_setup.h"
#include "wire/packet_decoding.h"

namespace spead2::recv {
namespace {

/// Bytes of one system call that are aimed at: they are to be in the cache still when they are copied
/// on.
constexpr std::size_t buffer_bytes = std::size_t{256} << 10;

[[nodiscard]] read_wait broken(const char* what, int error) {
    return {.what = read_wait::kind::ended,
            .reason = std::string("Error in TCP ") + what + ": " +
                      std::generic_category().message(error)};
}

}  // namespace

class tcp_reader::impl {
public:
    explicit impl(const tcp_reader_options& options) : max_size_(options.max_size) {
        check_options(options);
        if (options.acceptor) {
            acceptor_ = std::make_unique<unique_fd>(
                duplicate_socket(*options.acceptor, SOCK_STREAM, IPPROTO_TCP));
        } else {
            acceptor_ = std::make_unique<unique_fd>(
                make_socket(options.address.family(), SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP));
            set_receive_buffer(*acceptor_, options.buffer_size);
            set_option(*acceptor_, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
            bind_socket(*acceptor_, options.address);
            if (::listen(acceptor_->get(), 1) != 0)
                throw std::system_error(errno, std::generic_category(),
                                        "cannot listen at " + options.address.to_string());
        }
        name_ = "tcp " + local_name(*acceptor_);
        spare_ = std::make_unique<unique_fd>(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        if (spare_->get() < 0)
            throw std::system_error(errno, std::generic_category(), "cannot open /dev/null");
        capacity_ = std::max(buffer_bytes, max_size_ + max_size_ / 2);
        buffer_ = std::unique_ptr<std::uint8_t[]>(new std::uint8_t[capacity_]);
    }

    [[nodiscard]] read_wait read(intake& to) {
        if (!connection_) {
            const read_wait wait = accept();
            if (!connection_) return wait;
        }
        std::size_t left = bounded_bytes;
        for (;;) {
            hand_over(to);
            if (!to.takes_more()) return {.what = read_wait::kind::again};
            // What is left is the beginning of a packet.
            if (begin_ != 0) {
                std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
                end_ -= begin_;
                begin_ = 0;
            }
            if (left == 0) return {.what = read_wait::kind::again};
            ssize_t n;
            do {
                n = ::recv(connection_->get(), buffer_.get() + end_, capacity_ - end_,
                           MSG_DONTWAIT);
            } while (n < 0 && errno == EINTR);
            if (n < 0) {
                if (errno == EAGAIN)
                    return {.what = read_wait::kind::readable, .fd = connection_->get()};
                return broken("receiver", errno);
            }
            to.begin_batch();
            if (n == 0) return {.what = read_wait::kind::ended};
            end_ += static_cast<std::size_t>(n);
            left -= std::min(left, static_cast<std::size_t>(n));
        }
    }

    [[nodiscard]] std::shared_ptr<const void> close() noexcept {
        std::shared_ptr<unique_fd> open = acceptor_ ? std::move(acceptor_) : std::move(connection_);
        if (open) let_go(*open);
        return open;
    }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    [[nodiscard]] read_wait accept() {
        // The user's own socket may be one that blocks.
        pollfd ready{acceptor_->get(), POLLIN, 0};
        if (::poll(&ready, 1, 0) == 0)
            return {.what = read_wait::kind::readable, .fd = acceptor_->get()};
        int fd = ::accept4(acceptor_->get(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE) && spare_) {
            spare_.reset();
            fd = ::accept4(acceptor_->get(), nullptr, nullptr, SOCK_CLOEXEC);
        }
        if (fd < 0) {
            if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
                return {.what = read_wait::kind::readable, .fd = acceptor_->get()};
            return broken("accept", errno);
        }
        connection_ = std::make_unique<unique_fd>(fd);
        acceptor_.reset();
        spare_.reset();
        return {};
    }

    /// Give the stream the packets that are there.
    void hand_over(intake& to) {
        while (begin_ < end_ && to.takes_more()) {
            const std::span<const std::uint8_t> rest{buffer_.get() + begin_, end_ - begin_};
            if (skip_ != 0) {
                const std::size_t n = std::min<std::uint64_t>(skip_, rest.size());
                skip_ -= n;
                begin_ += n;
                continue;
            }
            if (pointers_left_ != 0) {
                if (!skip_pointers(rest, to)) return;
                continue;
            }
            packet_fault fault;
            begin_ += to.add_packets(rest, rest.size(), max_size_, fault);
            if (fault != packet_fault::none && !get_over(fault, to)) return;
        }
    }

    /// What stands at the beginning is no packet, or not all of one.
    /// \return false if more must come
    [[nodiscard]] bool get_over(packet_fault fault, intake& to) {
        const std::span<const std::uint8_t> rest{buffer_.get() + begin_, end_ - begin_};
        const packet_extent extent = measure_packet(rest);
        if (extent.fault != packet_fault::none) {
            to.log_fault(extent.fault, rest);
            to.log(log_level::info, "discarding packet due to invalid header");
            begin_ += header_size;
        } else if (extent.known && extent.size > max_size_) {
            to.log_fault(packet_fault::too_large, rest);
            skip_ = extent.size;
        } else if (extent.size > max_size_) {
            // Its item pointers alone are too many to have them all here.
            wire::packet_header_fields fields{};
            static_cast<void>(wire::decode_header(wire::get_u64(rest.data()), fields));
            large_ = {};
            large_bits_ = fields.address_bits;
            pointers_left_ = fields.n_pointers;
            begin_ += header_size;
        } else if (!extent.known || extent.size > rest.size()) {
            return false;
        } else {
            to.log_fault(fault, rest.first(static_cast<std::size_t>(extent.size)));
            begin_ += static_cast<std::size_t>(extent.size);
        }
        return true;
    }

    /// Go through the item pointers of a packet that is too large, for the length of its payload.
    [[nodiscard]] bool skip_pointers(std::span<const std::uint8_t> rest, intake& to) {
        if (rest.size() < item_pointer_size) return false;
        large_.look_at(wire::get_u64(rest.data()), large_bits_);
        begin_ += item_pointer_size;
        if (--pointers_left_ != 0) return true;
        if ((large_.seen & 1U << payload_length_id) != 0) {
            to.log_fault(packet_fault::too_large, rest);
            skip_ = large_.payload_length;
        } else {
            to.log_fault(packet_fault::missing_items, rest);
            to.log(log_level::info, "discarding packet due to invalid header");
        }
        return true;
    }

    const std::size_t max_size_;
    std::string name_;
    std::shared_ptr<unique_fd> acceptor_;  ///< until there is a connection
    std::shared_ptr<unique_fd> connection_;
    std::unique_ptr<unique_fd> spare_;  ///< for the connection, should there be no descriptor left
    std::size_t capacity_ = 0;
    std::unique_ptr<std::uint8_t[]> buffer_;
    std::size_t begin_ = 0;  ///< of what was not handed over
    std::size_t end_ = 0;    ///< of what has come
    std::uint64_t skip_ = 0;
    std::uint32_t pointers_left_ = 0;
    int large_bits_ = 0;
    wire::control_items large_;
};

tcp_reader::tcp_reader(const tcp_reader_options& options)
    : impl_(std::make_unique<impl>(options)) {}
tcp_reader::~tcp_reader() = default;

read_wait tcp_reader::read(intake& to) { return impl_->read(to); }
std::shared_ptr<const void> tcp_reader::close() noexcept { return impl_->close(); }
std::string tcp_reader::describe() const { return impl_->name(); }

}  // namespace spead2::recv
