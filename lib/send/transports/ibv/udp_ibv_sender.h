// SPDX-License-Identifier: Apache-2.0
// The working part of udp_ibv_transport: a ring of slots, each with a frame and a work request that
// are written once and then only changed where a packet differs; batches; completions; recovery.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <spead2/send/transport.h>
#include <spead2/send/transports/udp_ibv.h>

#include "net/ethernet_frame.h"
#include "verbs_queue.h"

namespace spead2::send {

class udp_ibv_sender {
public:
    struct parameters {
        std::vector<ipv4_endpoint> destinations;
        in_addr interface {};
        std::vector<ibv_memory_region> regions;  ///< by address, without overlap
        std::size_t buffer_size = 0;
        std::size_t max_packet_size = 0;
        std::uint8_t ttl = 1;
        int comp_vector = 0;
        int max_poll = 1;
    };

    explicit udp_ibv_sender(parameters&& p);
    ~udp_ibv_sender();
    udp_ibv_sender(const udp_ibv_sender&) = delete;
    udp_ibv_sender& operator=(const udp_ibv_sender&) = delete;

    [[nodiscard]] std::size_t num_substreams() const noexcept { return headers_.size(); }
    [[nodiscard]] send_result send(packet_span packets) noexcept;
    [[nodiscard]] int wait_fd() const noexcept { return wait_fd_.get(); }
    [[nodiscard]] bool set_rate(double bytes_per_second) noexcept;
    void quiesce() noexcept;
    [[nodiscard]] std::string describe() const;

private:
    using clock = std::chrono::steady_clock;

    /// Elements of a gather list: headers, payload in a region, and both again where payload
    /// crosses a region's edge. More would double the size of a work request on common devices.
    static constexpr std::size_t max_elements = 4;

    class descriptor {
    public:
        explicit descriptor(int fd = -1) noexcept : fd_(fd) {}
        descriptor(const descriptor&) = delete;
        descriptor& operator=(const descriptor&) = delete;
        ~descriptor();
        void reset(int fd) noexcept;
        [[nodiscard]] int get() const noexcept { return fd_; }

    private:
        int fd_;
    };

    struct unmapper {
        std::size_t length;
        void operator()(std::uint8_t* p) const noexcept;
    };

    struct slot {
        ibv_send_wr request{};
        ibv_sge elements[max_elements]{};
        std::uint8_t* frame = nullptr;
        std::uint32_t substream = ~std::uint32_t{0};  ///< that the header was written for
        std::uint32_t size = 0;                       ///< and the size of packet
        std::error_code error{};                      ///< the packet has failed with this
    };

    struct region {
        const std::uint8_t* begin;
        const std::uint8_t* end;
        std::uint32_t key;
    };

    void open_source_socket(const in_addr& interface);
    void open_wait_descriptors();
    void make_slots(const parameters& p);

    // Filling slots.
    void fill(slot& s, const packet& p, const iovec* iovs) noexcept;
    void gather(slot& s, const packet& p, const iovec* iovs) noexcept;
    [[nodiscard]] const region* find_region(const std::uint8_t* data, std::size_t& run) noexcept;
    [[nodiscard]] std::size_t accept(packet_span packets) noexcept;
    void post(std::size_t first, std::size_t n) noexcept;

    // Completions.
    void poll() noexcept;
    void mark_failed(std::size_t i, const std::error_code& error) noexcept;
    void report() noexcept;
    void leave(std::size_t n) noexcept;
    void fail_request(std::size_t i, const ibv_wc& completion) noexcept;
    void fail_outstanding(const std::error_code& reason) noexcept;
    void restart() noexcept;
    void drain() noexcept;
    void log_failure(const std::string& text) noexcept;
    void give_up(const std::error_code& error) noexcept;
    void take_event(bool waited) noexcept;
    [[nodiscard]] bool check_patience(clock::time_point now) noexcept;
    void wait(send_result& result) noexcept;

    [[nodiscard]] std::size_t next(std::size_t i) const noexcept {
        return i + 1 == slots_.size() ? 0 : i + 1;
    }
    /// Slot of the \a i-th packet in flight.
    [[nodiscard]] slot& in_flight(std::size_t i) noexcept {
        return slots_[(tail_ + i) % slots_.size()];
    }
    /// Which of those in flight a slot is.
    [[nodiscard]] std::size_t position(std::size_t slot_index) const noexcept {
        return (slot_index + slots_.size() - tail_) % slots_.size();
    }

    // What the device uses outlives the queue.
    std::vector<ibv_memory_region> kept_regions_;
    std::unique_ptr<std::uint8_t, unmapper> memory_;  ///< of all slots
    verbs_queue queue_;
    std::string description_;
    std::size_t max_packet_size_;
    int max_poll_;

    descriptor source_socket_;  ///< holds the source port
    descriptor timer_;
    descriptor wait_fd_;  ///< an epoll of the completion channel and the timer

    std::vector<frame_header> headers_;  ///< by substream
    std::vector<region> regions_;
    std::size_t last_region_ = 0;  ///< where payload was found last
    std::uint32_t memory_key_ = 0;
    unsigned request_flags_ = 0;
    std::vector<slot> slots_;
    std::size_t batch_size_ = 1;

    // The ring: outstanding_ slots from tail_ on are in use.
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
    std::size_t outstanding_ = 0;
    std::size_t completed_ = 0;   ///< of those, at the tail: done, but not reported yet
    std::size_t unsignaled_ = 0;  ///< at the head: no completion will tell about them
    std::size_t marked_ = 0;      ///< that have failed

    // Not reported yet; sent ones come before failed ones.
    std::size_t sent_ = 0;
    std::size_t failed_ = 0;
    std::error_code failure_;
    std::error_code broken_;  ///< no queue any more: everything fails with this

    clock::time_point last_failure_log_{};
    std::uint64_t unlogged_failures_ = 0;

    // Waiting.
    int polls_ = 0;         ///< in a row that found nothing
    bool polling_ = false;  ///< never wait for events
    bool armed_ = false;
    bool waited_ = false;  ///< the last call ended in a wait for the descriptor
    int missed_events_ = 0;
    clock::time_point wait_start_{};
    clock::time_point timer_end_{};
    clock::time_point waiting_since_{};  ///< without any completion; epoch: not
    clock::duration stall_limit_;
};

}  // namespace spead2::send
