// SPDX-License-Identifier: Apache-2.0
// The packets in flight of an ibverbs sender: a ring of slots, each with a frame and a work request
// that are written once and then only changed where a packet differs.
//
// Contract: fill() turns packets into work requests in free slots, in order; the i-th in flight
// counts from the oldest; retire() frees the oldest. Nothing is posted here, and nobody is told
// anything: completions.h does that. The device is used to register memory only.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include <spead2/send/transport.h>
#include <spead2/send/transports/udp_ibv.h>

#include "net/ethernet_frame.h"
#include "net/verbs_device.h"

namespace spead2::send::detail {

/// Elements of a gather list: headers, payload in a region, and both again where payload crosses a
/// region's edge. More would double the size of a work request on common devices.
inline constexpr std::size_t max_elements = 4;

struct slot {
    ibv_send_wr request{};
    ibv_sge elements[max_elements]{};
    std::uint8_t* frame = nullptr;
    std::uint32_t substream = ~std::uint32_t{0};  ///< that the header was written for
    std::uint32_t size = 0;                       ///< and the size of packet
    std::error_code error{};                      ///< the packet has failed with this
};

class slot_ring {
public:
    struct parameters {
        std::size_t slots;
        std::size_t max_packet_size;
        std::size_t max_elements;                    ///< that the queue takes
        std::vector<frame_header> headers;           ///< by substream
        std::span<const ibv_memory_region> regions;  ///< by address, without overlap; outlive this
    };

    /// \throw std::system_error  no memory, or it cannot be registered
    slot_ring(const verbs_device& device, parameters&& p);

    [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
    [[nodiscard]] std::size_t num_substreams() const noexcept { return headers_.size(); }
    [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }

    /// Make work requests of the first packets, as many as are free and make one batch.
    /// \return how many; they are the youngest in flight
    [[nodiscard]] std::size_t fill(packet_span packets) noexcept;
    /// The \a n oldest are free again.
    void retire(std::size_t n) noexcept {
        tail_ = (tail_ + n) % slots_.size();
        in_flight_ -= n;
    }
    void clear() noexcept { in_flight_ = 0; }

    /// The \a i-th in flight.
    [[nodiscard]] slot& operator[](std::size_t i) noexcept {
        return slots_[(tail_ + i) % slots_.size()];
    }
    /// Which of those in flight a work request is.
    [[nodiscard]] std::size_t position(std::uint64_t wr_id) const noexcept {
        return (static_cast<std::size_t>(wr_id) + slots_.size() - tail_) % slots_.size();
    }

private:
    struct region {
        const std::uint8_t* begin;
        const std::uint8_t* end;
        std::uint32_t key;
    };
    struct unmapper {
        std::size_t length;
        void operator()(std::uint8_t* p) const noexcept;
    };

    void write(slot& s, const packet& p, const iovec* iovs) noexcept;
    void gather(slot& s, const packet& p, const iovec* iovs) noexcept;
    [[nodiscard]] const region* find_region(const std::uint8_t* data, std::size_t& run) noexcept;

    std::vector<frame_header> headers_;
    std::size_t max_elements_;
    unsigned request_flags_ = 0;
    std::size_t batch_size_ = 1;

    std::unique_ptr<std::uint8_t, unmapper> memory_;  ///< of all slots
    std::vector<verbs_ptr<ibv_mr>> registrations_;
    std::uint32_t memory_key_ = 0;
    std::vector<region> regions_;
    std::size_t last_region_ = 0;  ///< where payload was found last

    std::vector<slot> slots_;
    std::size_t head_ = 0;  ///< the next to fill
    std::size_t tail_ = 0;  ///< the oldest in flight
    std::size_t in_flight_ = 0;
};

}  // namespace spead2::send::detail
