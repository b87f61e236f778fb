// SPDX-License-Identifier: GPL-3.0-or-later
// Puts heaps in order: those that come early wait for those before them, and what does not come is
// noticed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "heap_reader.h"

namespace gr::spead2 {

/// A heap whose turn it is.
struct ordered_heap {
    source_heap heap;
    std::uint64_t missing = 0;  ///< places before it that are empty
    bool anew = false;          ///< how much is missing before it is not known
};

class heap_order {
public:
    /// \param window  heaps that wait at most
    /// \param step    difference of places from one unit (sample or heap) to the next; 0: heaps are
    ///                taken as they come
    heap_order(std::size_t window, std::int64_t step) : window_(window), step_(step) {}

    /// Forget all: the first heap begins.
    void reset();
    /// The sender says that it starts, so that places may begin again.
    void sender_starts() noexcept { starting_ = true; }
    /// \param units  that the heap is long
    /// \return false: it came too late, or twice
    [[nodiscard]] bool push(source_heap heap, std::uint64_t units);
    /// The next one, if there is one that waits for no other.
    /// \param flush  wait for none any more
    [[nodiscard]] std::optional<ordered_heap> pop(bool flush);
    [[nodiscard]] std::size_t size() const noexcept { return held_.size(); }

private:
    /// Beginnings are counted, places in units from one on.
    using key = std::pair<std::uint64_t, std::int64_t>;
    struct entry {
        source_heap heap;
        std::int64_t end;
    };
    void begin(const source_heap& heap);
    [[nodiscard]] std::optional<std::int64_t> unwrap(const source_heap& heap) const;

    const std::size_t window_;
    const std::int64_t step_;
    std::map<key, entry> held_;
    std::uint64_t newest_ = 0;         ///< beginning of heaps that come
    std::uint64_t current_ = 0;        ///< beginning of heaps that go; 0: none did
    std::int64_t next_ = 0;            ///< where the next one to go should be
    std::uint64_t reference_ = 0;      ///< place of the last heap
    std::int64_t reference_unit_ = 0;  ///< the same in units
    std::size_t late_run_ = 0;         ///< late ones in a row
    bool starting_ = false;
};

}  // namespace gr::spead2
