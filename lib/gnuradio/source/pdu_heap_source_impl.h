// SPDX-License-Identifier: GPL-3.0-or-later
// pdu_heap_source: a thread of its own takes heaps and publishes them, and waits while those who take
// them are behind.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include <gnuradio/spead2/pdu_heap_source.h>

#include "source_core.h"

namespace gr::spead2 {

// The interface is for users, the core is shared: neither knows the other but by the interface.
// NOLINTNEXTLINE(misc-multiple-inheritance)
class pdu_heap_source_impl final : public pdu_heap_source, public source_core {
public:
    pdu_heap_source_impl(receiver stream, const item& item, const pdu_heap_source_options& options);
    ~pdu_heap_source_impl() override;

    bool start() override;
    bool stop() override;

private:
    void run();
    void publish(ordered_heap& h);
    /// PDUs that wait at the block that is furthest behind.
    [[nodiscard]] std::size_t behind();
    /// Wait until at most \a most PDUs wait.
    void wait_for_room(std::size_t most);

    const pdu_heap_source_options options_;
    const pmt::pmt_t port_;
    pmt::pmt_t more_;  ///< values of heaps without samples, for the next PDU
    std::thread thread_;
    std::atomic<bool> stopping_{false};
};

}  // namespace gr::spead2
