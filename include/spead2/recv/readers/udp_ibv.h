// SPDX-License-Identifier: Apache-2.0
// UDP past the kernel: Ethernet frames that a network device steers to this program through ibverbs.
// The libraries are looked for when the first such reader is made, not before.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <spead2/base/options.h>
#include <spead2/net/completion_options.h>
#include <spead2/net/endpoint.h>
#include <spead2/recv/reader.h>
#include <spead2/recv/reader_info.h>

namespace spead2::recv {

/// What an ibverbs reader is made from.
struct udp_ibv_reader_options {
    static constexpr std::size_t default_buffer_size = 16 * 1024 * 1024;
    static constexpr std::size_t default_max_size = 9200;
    static constexpr int default_max_poll = 10;

    std::vector<endpoint> endpoints;  ///< IPv4: multicast, or the interface's address
    std::string interface_address;
    std::size_t buffer_size = default_buffer_size;  ///< 0: the default
    std::size_t max_size = default_max_size;
    int comp_vector = 0;
    int max_poll = default_max_poll;

    [[nodiscard]] std::size_t buffer_bytes() const noexcept {
        return buffer_size != 0 ? buffer_size : default_buffer_size;
    }
    void set_buffer_bytes(std::size_t bytes) noexcept {
        buffer_size = bytes != 0 ? bytes : default_buffer_size;
    }

    static constexpr auto options() {
        using self = udp_ibv_reader_options;
        return std::tuple{
            option("interface_address", &self::interface_address,
                   "The interface to receive at, by its name (\"eth0\") or its IPv4 address, or a "
                   "host name that stands for it; it must belong to a verbs device."),
            option("buffer_size", &self::buffer_bytes, &self::set_buffer_bytes,
                   "Bytes of packets that can wait to be taken, rounded down to whole packets, at "
                   "least one; 0: the default."),
            option("max_size", &self::max_size, at_least(1),
                   "Bytes of the largest packet; larger ones are dropped. At least 1."),
            comp_vector_option<self>(),
            max_poll_option<self>(),
        };
    }
};

class udp_ibv_reader final : public reader {
public:
    using options_type = udp_ibv_reader_options;
    static constexpr reader_info info{
        .name = "ibv",
        .method = "add_udp_ibv_reader",
        .label = "ibverbs (UDP)",
        .text = "Receive packets by UDP past the kernel, through ibverbs."};

    /// \throw std::invalid_argument  endpoints empty or not IPv4, or of another host; no IPv4
    ///        interface address; a number out of range
    /// \throw resolve_error          interface_address cannot be resolved
    /// \throw std::runtime_error     no libibverbs or librdmacm on this machine, or this library was
    ///        built without their headers
    /// \throw std::system_error      no device owns the address, or it refuses something
    explicit udp_ibv_reader(const udp_ibv_reader_options& options);
    ~udp_ibv_reader() override;

    /// Has the device steer packets here. \throw std::system_error
    void start(std::weak_ptr<waiter> who) override;
    [[nodiscard]] read_wait read(intake& to) override;
    [[nodiscard]] std::shared_ptr<const void> close() noexcept override;
    [[nodiscard]] bool lossy() const noexcept override { return true; }
    [[nodiscard]] std::string describe() const override;

private:
    class impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace spead2::recv
