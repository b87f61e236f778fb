// SPDX-License-Identifier: Apache-2.0
// The chunks that one stream, or those of a group, fill at a time: where they come from, when they
// move on, and where they go. Its lock is taken once a chunk.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <spead2/recv/chunk_group_config.h>
#include <spead2/recv/chunk_ring.h>
#include <spead2/runtime/thread_pool.h>

namespace spead2::recv {

/// A stream that fills chunks of a window, as the window sees it. Called without locks.
class window_member {
public:
    virtual ~window_member() = default;
    /// What was waited for may be there: try again.
    virtual void try_again() noexcept = 0;
    /// Give up chunks that the window has moved past, soon.
    virtual void move_on() noexcept = 0;

private:
    friend class shared_window;
    // Under the window's lock. What the member touches are the chunks from first_ to end_ - 1.
    std::int64_t first_ = 0;
    std::int64_t end_ = 0;
    bool waits_ = false;  ///< to try again
    bool left_ = false;   ///< touches nothing any more
};

class shared_window final : public std::enable_shared_from_this<shared_window> {
public:
    shared_window(const chunk_group_config& config, std::shared_ptr<chunk_ring> data,
                  std::shared_ptr<chunk_ring> free);

    [[nodiscard]] std::size_t max_chunks() const noexcept { return chunks_.size(); }

    /// \param worker  of the member; any of them goes on with what a ring held up
    /// \throw std::logic_error  data has arrived already, or all members have left
    void add(const std::shared_ptr<window_member>& member,
             std::shared_ptr<thread_pool::worker> worker);

    enum class outcome : std::uint8_t {
        ready,
        too_old,  ///< the window has moved past it
        later,    ///< the member will be told to try again
    };
    /// A member wants chunk \a id, and gives up those before \a first.
    /// \param first   becomes where the member's chunks begin, whatever the outcome
    /// \param chunks  gets them, up to \a id, by id modulo its size; null: receive into nothing
    [[nodiscard]] outcome move(window_member& member, std::int64_t& first, std::int64_t id,
                               std::uint64_t stream_id, std::vector<chunk*>& chunks);
    /// A member that was told to move on does so. \return where its chunks begin
    [[nodiscard]] std::int64_t give_up(window_member& member) noexcept;
    /// A member touches nothing any more. After the last one what is there goes to the data ring,
    /// which then has one producer less.
    void leave(window_member& member) noexcept;
    /// Go on with what a ring held up: it was stopped, or has what was missing.
    void go_on() noexcept;

private:
    class ring_waiter;
    class errand;
    /// What is to be done once the lock is gone.
    class afterwards;

    // With the lock held.
    [[nodiscard]] bool in_use(std::int64_t id) const noexcept;
    [[nodiscard]] std::int64_t target() const noexcept;
    [[nodiscard]] bool push_oldest(afterwards& then);
    void advance(afterwards& then);
    [[nodiscard]] bool fetch(std::int64_t id, std::uint64_t stream_id);
    void tell_waiting(afterwards& then);
    [[nodiscard]] std::unique_ptr<chunk>& slot(std::int64_t id) noexcept {
        return chunks_[static_cast<std::size_t>(id) % chunks_.size()];
    }

    const bool lossless_;
    const std::shared_ptr<chunk_ring> data_;
    const std::shared_ptr<chunk_ring> free_;
    std::shared_ptr<ring_waiter> ring_waiter_;

    std::mutex mutex_;
    std::vector<std::unique_ptr<chunk>> chunks_;  ///< of first_ to end_ - 1, by id modulo its size
    std::int64_t first_ = 0;
    std::int64_t end_ = 0;
    std::int64_t wanted_first_ = 0;  ///< where the furthest member wants the window to be
    std::vector<std::shared_ptr<window_member>> members_;  ///< that have not left
    bool waits_for_room_ = false;
    bool waits_for_chunks_ = false;
    bool started_ = false;
    bool done_ = false;
};

}  // namespace spead2::recv
