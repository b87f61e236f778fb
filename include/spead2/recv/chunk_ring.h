// SPDX-License-Identifier: Apache-2.0
// The two rings that chunks go round in: empty ones to a stream, full ones to whoever takes them.
#pragma once

#include <memory>

#include <spead2/recv/chunk.h>
#include <spead2/recv/ring.h>
#include <spead2/runtime/forks.h>

namespace spead2::recv {

using chunk_ring = ring<std::unique_ptr<chunk>>;

class chunk_ring_pair {
public:
    chunk_ring_pair(const chunk_ring_pair&) = delete;
    chunk_ring_pair& operator=(const chunk_ring_pair&) = delete;
    virtual ~chunk_ring_pair() = default;

    /// Give an empty chunk: clears \a c->present and puts it into the free ring.
    /// \return false if there is no room; \a c is moved from otherwise, unless the ring is stopped
    /// \throw std::system_error (ECANCELED) in a child of the process that made this
    bool add_free_chunk(std::unique_ptr<chunk>& c);

    [[nodiscard]] const std::shared_ptr<chunk_ring>& data_ring() const noexcept { return data_; }
    [[nodiscard]] const std::shared_ptr<chunk_ring>& free_ring() const noexcept { return free_; }

protected:
    /// \throw std::invalid_argument  one is null
    chunk_ring_pair(std::shared_ptr<chunk_ring> data, std::shared_ptr<chunk_ring> free);

    /// Whether this is a child of the process that it was made in.
    [[nodiscard]] bool is_left() const noexcept { return home_.is_left(); }

private:
    const home_process home_;
    const std::shared_ptr<chunk_ring> data_;
    const std::shared_ptr<chunk_ring> free_;
};

}  // namespace spead2::recv
