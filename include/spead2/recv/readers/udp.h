// SPDX-License-Identifier: Apache-2.0
// Packets that come by UDP over the kernel's sockets, many a system call.
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

/// What a UDP reader is made from.
struct udp_reader_options {
    static constexpr std::size_t default_max_size = 9200;
    static constexpr std::size_t default_buffer_size = 8 * 1024 * 1024;

    /// Address and port to receive at. A multicast group is joined, and shared with others; port 0
    /// is the kernel's choice.
    endpoint address;
    std::size_t max_size = default_max_size;
    std::size_t buffer_size = default_buffer_size;
    std::string interface_address;
    std::optional<unsigned> interface_index;
    /// A UDP socket to use as it is, in place of a new one (duplicated). Everything but max_size
    /// then has no effect.
    std::optional<int> socket;

    static constexpr auto options() {
        using self = udp_reader_options;
        return std::tuple{
            option("max_size", &self::max_size,
                   "Bytes of the largest packet; larger ones are dropped."),
            option("buffer_size", &self::buffer_size,
                   "Bytes of the socket's receive buffer; 0: the system's. A warning is logged if "
                   "it cannot be had."),
            option("interface_address", &self::interface_address,
                   "With an IPv4 multicast group: address of the interface to join on; empty: the "
                   "system's choice. With a unicast address: the same address, or empty."),
            option("interface_index", &self::interface_index,
                   "With an IPv6 multicast group: index of the interface to join on; 0: the "
                   "system's choice."),
        };
    }
};

class udp_reader final : public reader {
public:
    using options_type = udp_reader_options;
    static constexpr reader_info info{.name = "udp",
                                      .method = "add_udp_reader",
                                      .label = "UDP",
                                      .text = "Receive packets by UDP."};

    /// \throw std::invalid_argument  interface or address do not fit; a socket of the wrong kind
    /// \throw resolve_error          interface_address cannot be resolved
    /// \throw std::system_error      the operating system refuses
    explicit udp_reader(const udp_reader_options& options);
    ~udp_reader() override;

    /// Binds. \throw std::system_error
    void start(std::weak_ptr<waiter> who) override;
    [[nodiscard]] read_wait read(intake& to) override;
    [[nodiscard]] std::shared_ptr<const void> close() noexcept override;
    [[nodiscard]] bool lossy() const noexcept override { return true; }
    [[nodiscard]] std::string describe() const override;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace spead2::recv
