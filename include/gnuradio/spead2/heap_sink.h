// SPDX-License-Identifier: GPL-3.0-or-later
// A block that sends tagged packets of samples as heaps on a stream. For streams made in one step
// with the block see udp_heap_sink.h and its siblings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gnuradio/block.h>
#include <gnuradio/spead2/api.h>
#include <gnuradio/spead2/item.h>

#include <spead2/send/stream.h>
#include <spead2/wire/flavour.h>

namespace gr::spead2 {

/// Which substream (endpoint) a heap goes to.
class SPEAD2_GR_API substream_rule {
public:
    enum class kind : std::uint8_t { fixed, round_robin, tag };

    substream_rule(int index = 0);
    /// A number, "round_robin" (over the heaps) or "tag:KEY": the value of the last stream tag KEY
    /// of port 0 (for PDUs: metadata entry KEY) at or before the heap's first sample.
    /// \throw std::invalid_argument
    substream_rule(const std::string& rule);
    substream_rule(const char* rule) : substream_rule(std::string(rule)) {}

    [[nodiscard]] kind what() const noexcept { return kind_; }
    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    [[nodiscard]] const std::string& key() const noexcept { return key_; }

private:
    kind kind_ = kind::fixed;
    std::size_t index_ = 0;
    std::string key_;
};

/// What a tag that makes no heap does.
enum class bad_tag_action : std::uint8_t {
    error,   ///< stop the flowgraph, with a message that names port and sample
    resync,  ///< count it, log it (once a second at most) and go on at the next good tag
};

/// What a heap that could not be sent does. It is counted and logged (once a second at most) anyway.
enum class send_error_action : std::uint8_t {
    count,  ///< nothing more
    error,  ///< stop the flowgraph
};

struct SPEAD2_GR_API heap_sink_options {
    /// Key of the stream tag on a packet's first sample whose value is the packet's length.
    std::string length_tag = "packet_len";
    /// Not 0: that many samples make a heap, and length tags are not looked at.
    std::uint64_t samples_per_heap = 0;
    /// false: all packets are as long as the first one, are described by a numpy header, and are
    /// sent from GNU Radio's buffer, without a copy. true: lengths differ; items are described with
    /// a variable first dimension and sent in network byte order; complex numbers get one more
    /// dimension of 2.
    bool variable_length = false;
    std::vector<scalar_item> scalars{};
    /// Descriptors go with the first heap of each substream, and again every so many of its heaps;
    /// 0: never again.
    std::uint64_t descriptor_interval = 0;
    substream_rule substream{};
    bad_tag_action on_bad_tag = bad_tag_action::error;
    send_error_action on_send_error = send_error_action::count;
    /// Start-of-stream and end-of-stream heaps, on every substream, when the flowgraph starts and
    /// stops. Of several sinks on one stream, the first to start and the last to stop send them.
    bool send_start = true;
    bool send_end = true;
    ::spead2::flavour flavour{};
};

/// Counts since the block was made. Any thread may ask for them.
class SPEAD2_GR_API heap_counts {
public:
    virtual ~heap_counts() = default;
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
    /// Why the block stopped the flowgraph; empty if it did not.
    [[nodiscard]] virtual std::string error() const = 0;
};

/// One input port an item. Message port "stats": once a second a dictionary of the counts, and
/// "rate", bytes per second since the last one.
///
/// A heap of at most half of GNU Radio's buffer is sent from there, others are gathered in memory
/// of the block's own. When the stream's queue is full, the flowgraph waits. At the end of the
/// input, and when the flowgraph stops, whole heaps are sent, then the end heap; heaps that do not
/// get on for 5 s longer than their rate explains are given up.
class SPEAD2_GR_API heap_sink : virtual public gr::block, virtual public heap_counts {
public:
    using sptr = std::shared_ptr<heap_sink>;

    /// \throw std::invalid_argument naming what is wrong
    static sptr make(std::shared_ptr<::spead2::send::stream> stream, const std::vector<item>& items,
                     const heap_sink_options& options = {});

    /// Rate of heaps from now on, bytes of packets per second; 0: as fast as possible.
    virtual void set_rate(double bytes_per_second) = 0;
    /// See heap_sink_options::descriptor_interval.
    virtual void set_descriptor_interval(std::uint64_t heaps) = 0;
    [[nodiscard]] virtual std::uint64_t descriptor_interval() const = 0;
    [[nodiscard]] virtual const std::shared_ptr<::spead2::send::stream>& stream() const = 0;
};

}  // namespace gr::spead2
