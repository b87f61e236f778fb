// SPDX-License-Identifier: GPL-3.0-or-later
// The options of the sinks. Each stands here once, with name, default and text: C++ sets the
// members; Python and GNU Radio Companion go by for_each(). What makes sense together is checked
// where a sink is made.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gnuradio/spead2/api.h>
#include <gnuradio/spead2/choice_names.h>
#include <gnuradio/spead2/item.h>

#include <spead2/wire/flavour.h>

namespace gr::spead2 {

/// Which substream (endpoint) a heap goes to.
class SPEAD2_GR_API substream_rule {
public:
    enum class kind : std::uint8_t { fixed, round_robin, tag };

    substream_rule(int index = 0);
    /// A number, "round_robin" or "tag:KEY". \throw std::invalid_argument
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

/// How the samples of several flowgraphs lie in an item of one heap.
class SPEAD2_GR_API split_rule {
public:
    /// In a new first axis.
    split_rule() = default;
    /// Along an axis of (samples, ...).
    split_rule(int axis);
    /// "new", or a number. \throw std::invalid_argument
    split_rule(const std::string& rule);
    split_rule(const char* rule) : split_rule(std::string(rule)) {}

    /// Nothing: a new one.
    [[nodiscard]] const std::optional<std::uint64_t>& axis() const noexcept { return axis_; }

private:
    std::optional<std::uint64_t> axis_;
};

/// Which packets of a heap of several flowgraphs have the item pointers.
enum class pointer_placing : std::uint8_t { first, every };

/// What a tag that makes no heap does.
enum class bad_tag_action : std::uint8_t { error, resync };

/// What a heap that could not be sent does.
enum class send_error_action : std::uint8_t { count, error };

/// What becomes of a heap in whose middle the input is new.
enum class restart_action : std::uint8_t { drop, pad, cut };

template <>
inline constexpr std::array choice_names<bad_tag_action>{"error", "resync"};
template <>
inline constexpr std::array choice_names<send_error_action>{"count", "error"};
template <>
inline constexpr std::array choice_names<restart_action>{"drop", "pad", "short"};
template <>
inline constexpr std::array choice_names<pointer_placing>{"first", "every"};

/// What both sinks have.
struct SPEAD2_GR_API sink_options {
    std::vector<scalar_item> scalars{};
    std::uint64_t descriptor_interval = 0;
    double descriptor_seconds = 0;
    substream_rule substream{};
    send_error_action on_send_error = send_error_action::count;
    bool send_start = true;
    bool send_end = true;
    engine::flavour flavour{};

    /// Calls \a f with the name, the member and the text of each.
    template <typename F>
    static void for_each(F&& f) {
        f("scalars", &sink_options::scalars,
          "More items, with one value a heap: tag_item, counter_item, constant_item.");
        f("descriptor_interval", &sink_options::descriptor_interval,
          "Descriptors go with the first heap of each substream, and again every so many of its "
          "heaps; 0: never again.");
        f("descriptor_seconds", &sink_options::descriptor_seconds,
          "Descriptors also go with the first heap after so many seconds, for receivers that start "
          "late; 0: not by time.");
        f("substream", &sink_options::substream,
          "Where heaps go: a number, \"round_robin\", or \"tag:KEY\" for the value of a tag of "
          "port 0 (for PDUs: of a metadata entry) at or before the heap's first sample.");
        f("on_send_error", &sink_options::on_send_error,
          "\"count\": a heap that cannot be sent is counted and logged. \"error\": it also stops "
          "the flowgraph.");
        f("send_start", &sink_options::send_start,
          "Start-of-stream heap on every substream when the flowgraph starts. Of several sinks on "
          "one stream, the first to start sends it.");
        f("send_end", &sink_options::send_end,
          "End-of-stream heap on every substream when the flowgraph stops. Of several sinks on one "
          "stream, the last to stop sends it.");
        f("flavour", &sink_options::flavour, "SPEAD flavour; SPEAD-64-40 by default.");
    }
};

struct SPEAD2_GR_API heap_sink_options : sink_options {
    std::string length_tag = "packet_len";
    std::uint64_t samples_per_heap = 0;
    bool variable_length = false;
    bad_tag_action on_bad_tag = bad_tag_action::error;
    std::vector<std::string> restart_tag{"rx_time"};
    restart_action on_restart = restart_action::drop;
    double sample_rate = 0;
    std::uint64_t rank = 0;
    std::uint64_t size = 1;
    split_rule split{};
    std::vector<std::uint64_t> owners{};
    pointer_placing pointers = pointer_placing::first;

    template <typename F>
    static void for_each(F&& f) {
        f("length_tag", &heap_sink_options::length_tag,
          "Key of the stream tag on a packet's first sample whose value is the packet's length.");
        f("samples_per_heap", &heap_sink_options::samples_per_heap,
          "Not 0: that many samples make a heap, and length tags are not looked at.");
        f("variable_length", &heap_sink_options::variable_length,
          "False: all packets are as long as the first one, are described by a numpy header, and "
          "are sent from GNU Radio's buffer without a copy. True: lengths differ; the items have a "
          "variable first dimension and network byte order, complex ones one more dimension of 2.");
        f("on_bad_tag", &heap_sink_options::on_bad_tag,
          "\"error\": a tag that makes no heap stops the flowgraph, with a message that names port "
          "and sample. \"resync\": it is counted and logged, and the next good tag starts a heap. "
          "Samples between are dropped and counted.");
        f("restart_tag", &heap_sink_options::restart_tag,
          "Keys of tags that say that the input does not go on as it was, so that the heap ends "
          "there: a time that does not follow from the one before (at sample_rate), any other "
          "value that differs from the one before. Counters count the missing samples too. Empty: "
          "heaps go on over them.");
        f("on_restart", &heap_sink_options::on_restart,
          "A heap that such a tag ends: \"drop\": its samples are dropped and counted. \"pad\": it "
          "is sent with zeros in place of the rest, which are counted. \"short\": it is sent as "
          "it is, which needs variable_length.");
        f("sample_rate", &heap_sink_options::sample_rate,
          "Samples per second, to tell from times how many are missing; 0: what tags rx_rate say. "
          "Where neither is known, every time starts a heap.");
        f("rank", &heap_sink_options::rank,
          "Which of the flowgraphs this is, from 0, that send heaps together; see size. The one of "
          "rank 0 sends what is sent once: descriptors, scalars, start and end heap.");
        f("size", &heap_sink_options::size,
          "Flowgraphs, perhaps on as many machines, that send heaps together, each its part of "
          "every heap. All have the same items and options, but for rank, and the first sample of "
          "all is of one time. The rate of the stream is that of all together. 1: no others.");
        f("split", &heap_sink_options::split,
          "How their samples lie in an item: \"new\": in a new first axis, an entry a rank. A "
          "number: items and samples_per_heap are those of the whole, and this axis of them is "
          "divided among the ranks as spead2.send.mpi.share_of_axis() does; 0 is that of the "
          "samples, 1 the first one of an item's shape.");
        f("owners", &heap_sink_options::owners,
          "The rank that alone has an item, for each item: a sink has inputs for its own ones. "
          "Empty: all have a share of every item.");
        f("pointers", &heap_sink_options::pointers,
          "\"first\": item pointers are in the first packets of rank 0. \"every\": in all packets "
          "of all, for receivers that place each packet by itself.");
        sink_options::for_each(f);
    }
};

struct SPEAD2_GR_API pdu_heap_sink_options : sink_options {
    bool variable_length = true;

    template <typename F>
    static void for_each(F&& f) {
        f("variable_length", &pdu_heap_sink_options::variable_length,
          "True: PDUs are of any length; the item has a variable first dimension and network byte "
          "order, a complex one one more dimension of 2. False: all are as long as the first one "
          "and are described by a numpy header.");
        sink_options::for_each(f);
    }
};

}  // namespace gr::spead2
