// SPDX-License-Identifier: Apache-2.0
// The books: which packets are made and not yet released, and to which heaps they belong. Knows
// neither how packets are made nor how groups are queued.
#pragma once

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <vector>

namespace spead2::send::detail {

/// How far the heaps of a group have come that are sent together.
struct group_progress {
    std::size_t unfinished = 0;  ///< heaps with packets to make or to release
    std::uint64_t bytes_sent = 0;
    std::error_code error;             ///< the first one
    std::size_t failed_substream = 0;  ///< where that was
};

/// How far a heap of several packets has come.
struct heap_progress {
    std::uint32_t unreleased;  ///< packets made and not yet released
    bool packetised;           ///< all packets are made
};

/// A column of runs of equal packets, in the order in which they were made. Packets are entered at the
/// end and released at the front. Belongs to the driver. Entering needs no memory; reserve() does.
class books {
public:
    /// \param packets  as many as may be entered before the first reserve()
    explicit books(std::size_t packets) { runs_.reserve(packets); }

    /// Have room for so many more packets, however they differ.
    /// \return false if there is no memory: wait for packets to be released
    [[nodiscard]] bool reserve(std::size_t packets) noexcept;
    /// Enter packets of \a size bytes each: of one \a heap, which counts them as unreleased already,
    /// or (null) of \a count heaps of one packet each.
    void enter(group_progress& group, heap_progress* heap, std::uint32_t size,
               std::uint32_t count) noexcept {
        if (first_ != runs_.size()) {
            run& last = runs_.back();
            if (last.group == &group && last.heap == heap && last.size == size) {
                last.count += count;
                return;
            }
        }
        runs_.push_back({&group, heap, size, count});
    }

    /// The first \a count packets went.
    /// \return whether a group may have finished
    [[nodiscard]] bool released(std::size_t count) noexcept;
    /// The first \a count packets failed, on their way to \a substream.
    [[nodiscard]] bool failed(std::size_t count, const std::error_code& error,
                              std::size_t substream) noexcept;

    [[nodiscard]] bool empty() const noexcept { return first_ == runs_.size(); }
    /// Forget all packets.
    void clear() noexcept {
        runs_.clear();
        first_ = 0;
    }

private:
    struct run {
        group_progress* group;
        heap_progress* heap;
        std::uint32_t size;
        std::uint32_t count;
    };
    template <typename Note>
    bool leave(std::size_t count, Note&& note) noexcept;

    std::vector<run> runs_;
    std::size_t first_ = 0;  ///< before it all are released
};

}  // namespace spead2::send::detail
