// SPDX-License-Identifier: Apache-2.0
// The queue of a stream: groups in the order in which they were queued, how many heaps there may be,
// and the cnts and the rate that heaps get when they are queued. Everything here is under the
// stream's lock, except that the driver follows group_state::next from groups that are not the last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <system_error>

#include <spead2/send/config.h>

#include "cnt_sequence.h"
#include "group.h"

namespace spead2::send::detail {

class group_queue {
public:
    /// Groups that follow each other. Not an owner.
    struct list {
        group_state* first = nullptr;
        group_state* last = nullptr;
        std::size_t groups = 0;
        std::size_t unsent = 0;  ///< heaps that were not sent
    };

    struct part {
        group_state* first = nullptr;
        group_state* last = nullptr;
    };

    /// \param paces  whether the stream keeps its rate, not the device
    group_queue(const stream_config& config, std::size_t num_substreams,
                std::size_t max_packet_size, bool paces)
        : config_(config),
          num_substreams_(num_substreams),
          max_packet_size_(max_packet_size),
          paces_(paces) {}

    /// All heaps of the group, or none. \throw std::system_error  EAGAIN: the queue is full;
    /// otherwise as group_state::check()
    void add(group_state& group);
    /// Undo the last add(), whose group nobody has looked at yet, but in the group itself.
    void remove_last(group_state& group) noexcept;

    [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
    /// Groups that were added since the beginning.
    [[nodiscard]] std::uint64_t added() const noexcept { return added_; }

    /// Heaps of all groups.
    [[nodiscard]] std::size_t heaps() const noexcept { return heaps_; }

    /// Groups that may have packets to make.
    [[nodiscard]] part to_fill() const noexcept { return {fill_, tail_}; }
    /// All groups before \a through.first have made theirs; if that is null, \a through.last has, too.
    /// Forgets it.
    void filled(part& through) noexcept {
        if (through.last == nullptr) return;
        fill_ = through.first != nullptr ? through.first : through.last->next;
        through = {};
    }
    /// Whether the oldest group is finished.
    [[nodiscard]] bool has_finished() const noexcept {
        return head_ != nullptr && head_->unfinished == 0;
    }
    /// Take the groups out that are finished, up to the first that is not.
    [[nodiscard]] list take_finished() noexcept;
    /// Take all groups out; those that are not finished have failed.
    [[nodiscard]] list take_all(const std::error_code& error) noexcept;

    void set_cnt_sequence(std::uint64_t next, std::uint64_t step);
    void set_rate(double bytes_per_second) { config_.set_rate(bytes_per_second); }
    [[nodiscard]] const stream_config& config() const noexcept { return config_; }

private:
    stream_config config_;
    const std::size_t num_substreams_;
    const std::size_t max_packet_size_;
    const bool paces_;
    cnt_sequence cnts_;
    cnt_sequence cnts_before_last_;
    group_state* head_ = nullptr;  ///< oldest group that is not complete
    group_state* tail_ = nullptr;
    group_state* fill_ = nullptr;  ///< oldest group that may have packets to make
    std::size_t heaps_ = 0;
    std::uint64_t added_ = 0;
};

}  // namespace spead2::send::detail
