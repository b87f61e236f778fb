// SPDX-License-Identifier: Apache-2.0
// The working part of udp_ibv_transport: puts together the queue, the slots (slots.h), what has
// become of them (completions.h), the waiting (net/completion_wait.h) and the recovery (recovery.h), each of
// which says what it does.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <spead2/send/transport.h>
#include <spead2/send/transports/udp_ibv.h>

#include "completions.h"
#include "failure_log.h"
#include "net/completion_wait.h"
#include "net/ethernet_frame.h"
#include "net/interface.h"
#include "net/socket.h"
#include "recovery.h"
#include "send_queue.h"
#include "slots.h"

namespace spead2::send::detail {

class udp_ibv_sender {
public:
    struct parameters {
        std::vector<ipv4_endpoint> destinations;
        in_addr interface {};
        std::vector<ibv_memory_region> regions;  ///< by address, without overlap
        std::size_t buffer_size = 0;
        std::size_t max_packet_size = 0;
        std::uint8_t ttl = 1;
        std::uint8_t traffic_class = 0;
        int comp_vector = 0;
        int max_poll = 1;
    };

    explicit udp_ibv_sender(parameters&& p);
    ~udp_ibv_sender() { quiesce(); }
    udp_ibv_sender(const udp_ibv_sender&) = delete;
    udp_ibv_sender& operator=(const udp_ibv_sender&) = delete;

    [[nodiscard]] std::size_t num_substreams() const noexcept { return ring_.num_substreams(); }
    [[nodiscard]] send_result send(packet_span packets) noexcept;
    [[nodiscard]] int wait_fd() const noexcept { return waiting_.fd(); }
    [[nodiscard]] bool set_rate(double bytes_per_second) noexcept;
    void quiesce() noexcept;
    [[nodiscard]] std::string describe() const;
    [[nodiscard]] std::string explain(const std::error_code& error, std::size_t substream) const;

private:
    using clock = std::chrono::steady_clock;

    [[nodiscard]] slot_ring::parameters slots_for(const parameters& p);
    void poll() noexcept;
    [[nodiscard]] std::size_t accept(packet_span packets) noexcept;
    [[nodiscard]] bool check_patience(clock::time_point now) noexcept;
    void wait(send_result& result) noexcept;

    std::vector<ibv_memory_region> kept_regions_;  ///< outlive their registration
    std::size_t max_packet_size_;
    int max_poll_;
    verbs_device device_;
    unique_fd source_socket_;  ///< reserves a port
    network_interface interface_;
    failure_log log_;
    send_queue queue_;
    slot_ring ring_;
    completions completions_;
    completion_wait waiting_;
    recovery recovery_;
    std::vector<std::string> destinations_;  ///< for people

    int polls_ = 0;                      ///< in a row that found nothing
    clock::time_point waiting_since_{};  ///< without any completion; epoch: not
    clock::duration stall_limit_;
};

}  // namespace spead2::send::detail
