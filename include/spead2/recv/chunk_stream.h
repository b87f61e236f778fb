// SPDX-License-Identifier: Apache-2.0
// A stream that puts heaps into chunks, which it takes from one ring and gives to another.
#pragma once

#include <memory>

#include <spead2/recv/chunk_ring.h>
#include <spead2/recv/stream.h>

namespace spead2::recv {

class chunk_placer;
class shared_window;

/// Empty chunks come from the free ring; full ones, and those that are too old, go to the data ring,
/// in the order of their ids. When there is no empty chunk, or no room for a full one, the readers
/// pause.
///
/// The stream is one of the data ring's producers: when it ends by itself, its chunks go to the ring,
/// which stops with the last of its producers. stop() stops both rings.
///
/// Has the statistics too_old_heaps and rejected_heaps, after those of its configuration.
class chunk_ring_stream final : public stream, public chunk_ring_pair {
public:
    /// \throw std::invalid_argument  no place function; a ring is null; a statistic of the
    /// configuration has the name of one of its own
    chunk_ring_stream(std::shared_ptr<thread_pool> pool, const stream_config& config,
                      const chunk_stream_config& chunk_config, std::shared_ptr<chunk_ring> data,
                      std::shared_ptr<chunk_ring> free);
    ~chunk_ring_stream() override;

    void stop() override;

    [[nodiscard]] const chunk_stream_config& chunk_config() const noexcept;

protected:
    std::size_t heaps_ready(std::span<heap_ptr> heaps) noexcept override { return heaps.size(); }
    void heaps_stopped() noexcept override;

private:
    std::shared_ptr<shared_window> window_;
    std::shared_ptr<chunk_placer> placer_;
};

}  // namespace spead2::recv
