// SPDX-License-Identifier: GPL-3.0-or-later
// What the two sources share: heaps from the stream in their order, counts and statistics. Where
// samples go is left to the sources.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <gnuradio/block.h>
#include <gnuradio/spead2/source.h>
#include <gnuradio/spead2/source_options.h>

#include "common/ticker.h"
#include "heap_order.h"
#include "heap_reader.h"
#include "source_counts.h"

namespace gr::spead2 {

class source_core : public virtual source {
public:
    std::uint64_t heaps_received() const final { return counts_.heaps_received.load(); }
    std::uint64_t bytes_received() const final { return counts_.bytes_received.load(); }
    std::uint64_t heaps_lost() const final { return counts_.heaps_lost.load(); }
    std::uint64_t samples_lost() const final { return counts_.samples_lost.load(); }
    std::uint64_t samples_filled() const final { return counts_.samples_filled.load(); }
    std::uint64_t heaps_late() const final { return counts_.heaps_late.load(); }
    std::uint64_t bad_heaps() const final { return counts_.bad_heaps.load(); }
    std::uint64_t heaps_undescribed() const final { return counts_.heaps_undescribed.load(); }
    std::uint64_t restarts() const final { return counts_.restarts.load(); }
    std::uint64_t queue_length() const final { return stream_->ring_size(); }
    std::uint64_t pauses() const final;
    std::string last_error() const final { return counts_.last_error(); }
    std::string error() const final { return counts_.error(); }
    const receiver& stream() const final { return stream_; }

protected:
    /// \param block  gets the message port "stats"
    source_core(gr::block& block, const gr::logger_ptr& logger, receiver stream,
                const std::vector<item>& items, const source_options& options);

    /// Whether start() is that of lock() and unlock(): the output goes on. Once a start().
    [[nodiscard]] bool resumes();
    /// The flowgraph starts. Unless it \a resumes, the next heap begins anew.
    void begin(bool resumes);
    void end();

    enum class turn { heap, nothing, ended };
    /// The next heap in order; its \a missing counts samples.
    /// \param wait  for it, a tenth of a second at most
    [[nodiscard]] turn next(ordered_heap& out, bool wait);
    void stop_with(const std::string& message);

    source_counts counts_;
    heap_reader reader_;

private:
    [[nodiscard]] bool take(bool wait);
    void ended();
    void handle(engine::recv::heap_ptr heap);
    void follow_cnt(const engine::recv::heap& heap);
    void account(ordered_heap& out);
    void tick();

    gr::block& block_;
    gr::logger_ptr logger_;
    const receiver stream_;
    const bool stop_at_bad_heaps_;
    const std::size_t window_;
    const std::uint64_t cnt_step_;
    heap_order order_;
    std::deque<source_heap> values_only_;  ///< of heaps that have no place in the order
    std::array<engine::recv::heap_ptr, 8> batch_;
    std::size_t batch_begin_ = 0;
    std::size_t batch_end_ = 0;
    bool flush_ = false;  ///< heaps are not to wait for others
    bool ended_ = false;
    bool followed_ = false;       ///< last_cnt_ is one
    std::uint64_t last_cnt_ = 0;  ///< the greatest
    std::uint64_t last_length_ = 0;
    bool any_ = false;                    ///< samples since the flowgraph started
    std::weak_ptr<block_detail> before_;  ///< of the last start()
    ticker ticker_;
};

}  // namespace gr::spead2
