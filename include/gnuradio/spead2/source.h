// SPDX-License-Identifier: GPL-3.0-or-later
// What the sources have in common for those who use them: counts.
#pragma once

#include <cstdint>
#include <string>

#include <gnuradio/spead2/api.h>
#include <gnuradio/spead2/receivers.h>

namespace gr::spead2 {

/// Any thread may call any of these. Counts are since the block was made.
class SPEAD2_GR_API source {
public:
    virtual ~source() = default;
    /// Heaps whose samples went into the flowgraph.
    [[nodiscard]] virtual std::uint64_t heaps_received() const = 0;
    /// Bytes of their samples.
    [[nodiscard]] virtual std::uint64_t bytes_received() const = 0;
    /// Heaps that did not come, came incomplete or too late, as far as cnts tell.
    [[nodiscard]] virtual std::uint64_t heaps_lost() const = 0;
    /// Samples (items of one port) that did not come.
    [[nodiscard]] virtual std::uint64_t samples_lost() const = 0;
    /// Those of them whose place was filled.
    [[nodiscard]] virtual std::uint64_t samples_filled() const = 0;
    /// Heaps that came after their place was given up, or twice.
    [[nodiscard]] virtual std::uint64_t heaps_late() const = 0;
    /// Heaps that were not what the source is for.
    [[nodiscard]] virtual std::uint64_t bad_heaps() const = 0;
    /// Heaps that came before their descriptors, and were dropped.
    [[nodiscard]] virtual std::uint64_t heaps_undescribed() const = 0;
    /// Times that the sender began anew.
    [[nodiscard]] virtual std::uint64_t restarts() const = 0;
    /// Heaps that wait to be taken.
    [[nodiscard]] virtual std::uint64_t queue_length() const = 0;
    /// Times that the stream had to pause because the flowgraph took no heaps.
    [[nodiscard]] virtual std::uint64_t pauses() const = 0;
    /// The last thing that went wrong, whether it stopped the flowgraph or not; empty: nothing yet.
    [[nodiscard]] virtual std::string last_error() const = 0;
    /// Why the block stopped the flowgraph; empty if it did not.
    [[nodiscard]] virtual std::string error() const = 0;

    [[nodiscard]] virtual const receiver& stream() const = 0;
};

}  // namespace gr::spead2
