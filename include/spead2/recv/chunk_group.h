// SPDX-License-Identifier: Apache-2.0
// Several streams that fill the same chunks, each with threads of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include <spead2/recv/chunk_group_config.h>
#include <spead2/recv/chunk_ring.h>
#include <spead2/recv/stream.h>

namespace spead2::recv {

class chunk_placer;
class chunk_ring_group;
class shared_window;

/// One of the streams; made by its group, which owns it. Locks what it shares with the others once a
/// chunk, never for a packet or a heap. When it ends by itself, or its thread pool is stopped, the others
/// go on without it.
///
/// Has the statistics too_old_heaps and rejected_heaps, after those of its configuration.
class chunk_group_member final : public stream {
public:
    ~chunk_group_member() override;

    /// Stop the whole group, and both rings.
    void stop() override;

    [[nodiscard]] const chunk_stream_config& chunk_config() const noexcept;

protected:
    std::size_t heaps_ready(std::span<heap_ptr> heaps) noexcept override { return heaps.size(); }
    void heaps_stopped() noexcept override;

private:
    friend class chunk_ring_group;
    chunk_group_member(chunk_ring_group& group, std::shared_ptr<thread_pool> pool,
                       const stream_config& config, const chunk_stream_config& chunk_config);

    chunk_ring_group& group_;
    std::shared_ptr<chunk_placer> placer_;
};

/// Empty chunks come from the free ring. A chunk goes to the data ring, in the order of ids, when the
/// furthest of the streams has moved past it; chunk_group_config::eviction() says what that means to
/// the others. A stream that has to wait pauses its readers; no thread ever waits.
///
/// The group is one of the data ring's producers: after the last of its streams has ended, its chunks
/// go to the ring, which stops with the last of its producers.
class chunk_ring_group final : public chunk_ring_pair {
public:
    /// \throw std::invalid_argument  a ring is null
    chunk_ring_group(const chunk_group_config& config, std::shared_ptr<chunk_ring> data,
                     std::shared_ptr<chunk_ring> free);
    ~chunk_ring_group() override;

    /// Add a stream. Lives as long as the group.
    /// \throw std::invalid_argument  as chunk_ring_stream, and if its max_chunks is larger than the
    ///                               group's
    /// \throw std::logic_error       data has arrived already, or all streams have ended
    chunk_group_member& emplace_back(std::shared_ptr<thread_pool> pool, const stream_config& config,
                                     const chunk_stream_config& chunk_config);
    [[nodiscard]] std::size_t size() const;
    /// \throw std::out_of_range
    [[nodiscard]] chunk_group_member& at(std::size_t i) const;
    [[nodiscard]] const chunk_group_config& config() const noexcept { return config_; }

    /// Stop all streams, and both rings. From within a place function the other streams stop a little
    /// later.
    void stop();

private:
    friend class chunk_group_member;
    const chunk_group_config config_;
    std::shared_ptr<shared_window> window_;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<chunk_group_member>> members_;
};

}  // namespace spead2::recv
