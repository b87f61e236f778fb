// SPDX-License-Identifier: Apache-2.0
// Packets that come over one TCP connection, which is accepted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include <spead2/base/options.h>
#include <spead2/net/endpoint.h>
#include <spead2/recv/reader.h>
#include <spead2/recv/reader_info.h>

namespace spead2::recv {

/// What a TCP reader is made from.
struct tcp_reader_options {
    static constexpr std::size_t default_max_size = 65536;
    static constexpr std::size_t default_buffer_size = 208 * 1024;

    /// Address and port to listen at.
    endpoint address;
    std::size_t max_size = default_max_size;
    std::size_t buffer_size = default_buffer_size;
    /// A listening TCP socket to use in place of a new one (duplicated). Everything but max_size
    /// then has no effect.
    std::optional<int> acceptor;

    static constexpr auto options() {
        using self = tcp_reader_options;
        return std::tuple{
            option("max_size", &self::max_size, at_least(std::size_t{1}),
                   "Bytes of the largest packet, at least 1; larger ones are skipped."),
            option("buffer_size", &self::buffer_size,
                   "Bytes of the socket's receive buffer; 0: the system's. A warning is logged if "
                   "it cannot be had."),
        };
    }
};

/// Takes the first connection, and listens no more. Ends when that is closed; with a reason, when
/// it breaks.
class tcp_reader final : public reader {
public:
    using options_type = tcp_reader_options;
    static constexpr reader_info info{
        .name = "tcp",
        .method = "add_tcp_reader",
        .label = "TCP",
        .text = "Receive packets over the first TCP connection that comes."};

    /// \throw std::invalid_argument  max_size is 0; a socket of the wrong kind
    /// \throw std::system_error      the operating system refuses
    explicit tcp_reader(const tcp_reader_options& options);
    ~tcp_reader() override;

    [[nodiscard]] read_wait read(intake& to) override;
    [[nodiscard]] std::shared_ptr<const void> close() noexcept override;
    [[nodiscard]] std::string describe() const override;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace spead2::recv
