// SPDX-License-Identifier: GPL-3.0-or-later
// What the sinks have in common for those who use them: counts, and what can be changed while the
// flowgraph runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <gnuradio/spead2/api.h>

#include <spead2/send/stream.h>

namespace gr::spead2 {

/// Any thread may call any of these. Counts are since the block was made.
class SPEAD2_GR_API sink {
public:
    virtual ~sink() = default;
    /// Heaps sent whole; start and end heaps are not counted.
    [[nodiscard]] virtual std::uint64_t heaps_sent() const = 0;
    /// Bytes of packets of all heaps.
    [[nodiscard]] virtual std::uint64_t bytes_sent() const = 0;
    /// Heaps of which something could not be sent.
    [[nodiscard]] virtual std::uint64_t heaps_failed() const = 0;
    /// Samples (items of one port) that belonged to no heap, or to one that was not finished.
    [[nodiscard]] virtual std::uint64_t samples_dropped() const = 0;
    /// Places where tags made no heap (heap_sink) or messages that were no PDU (pdu_heap_sink), and
    /// values that a scalar could not take.
    [[nodiscard]] virtual std::uint64_t bad_tags() const = 0;
    /// Places where the input was new: see heap_sink_options::restart_tag.
    [[nodiscard]] virtual std::uint64_t restarts() const = 0;
    /// Samples that were made up to fill heaps: see heap_sink_options::on_restart.
    [[nodiscard]] virtual std::uint64_t samples_padded() const = 0;
    /// Heaps that are queued and not yet sent.
    [[nodiscard]] virtual std::uint64_t queue_length() const = 0;
    /// Seconds that the block waited for its stream while there was input.
    [[nodiscard]] virtual double held_back() const = 0;
    /// The last thing that went wrong, whether it stopped the flowgraph or not; empty: nothing yet.
    [[nodiscard]] virtual std::string last_error() const = 0;
    /// Why the block stopped the flowgraph; empty if it did not.
    [[nodiscard]] virtual std::string error() const = 0;

    /// Rate of heaps from now on, bytes of packets per second; 0: as fast as possible.
    virtual void set_rate(double bytes_per_second) = 0;
    /// See sink_options::descriptor_interval.
    virtual void set_descriptor_interval(std::uint64_t heaps) = 0;
    [[nodiscard]] virtual std::uint64_t descriptor_interval() const = 0;
    /// See sink_options::descriptor_seconds. \throw std::invalid_argument
    virtual void set_descriptor_seconds(double seconds) = 0;
    [[nodiscard]] virtual double descriptor_seconds() const = 0;
    /// Send the heaps of a substream there, from the next one on, which has the descriptors; those
    /// that are queued go where they were to go. For UDP streams. Other sinks of the stream follow, with
    /// descriptors when they are due.
    /// \throw std::invalid_argument  the stream is none of UDP; an address or a substream that it
    ///                               cannot have
    ///        spead2::resolve_error  the host is not known
    virtual void set_destination(const std::string& host, int port, std::size_t substream = 0) = 0;
    [[nodiscard]] virtual const std::shared_ptr<engine::send::stream>& stream() const = 0;
};

}  // namespace gr::spead2
