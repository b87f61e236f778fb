// SPDX-License-Identifier: GPL-3.0-or-later
// The options of the sources. Each stands here once, with name, default and text, as those of the
// sinks do.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <gnuradio/spead2/api.h>
#include <gnuradio/spead2/choice_names.h>
#include <gnuradio/spead2/item.h>

namespace gr::spead2 {

/// What stands in place of samples that did not come.
enum class lost_action : std::uint8_t { skip, zeros, last, nan, stop };

/// What a PDU source does about heaps that did not come.
enum class lost_pdu_action : std::uint8_t { skip, stop };

/// What a heap does that is not what the ports are for.
enum class bad_heap_action : std::uint8_t { error, skip };

/// What samples are whose descriptor has not come.
enum class undescribed_action : std::uint8_t { drop, native, network };

template <>
inline constexpr std::array choice_names<lost_action>{"skip", "zeros", "last", "nan", "stop"};
template <>
inline constexpr std::array choice_names<lost_pdu_action>{"skip", "stop"};
template <>
inline constexpr std::array choice_names<bad_heap_action>{"error", "skip"};
template <>
inline constexpr std::array choice_names<undescribed_action>{"drop", "native", "network"};

/// What both sources have.
struct SPEAD2_GR_API source_options {
    std::vector<scalar_item> scalars{};
    bool other_items = true;
    std::uint64_t window = 4;
    std::uint64_t cnt_step = 1;
    bad_heap_action on_bad_heap = bad_heap_action::error;
    undescribed_action undescribed = undescribed_action::drop;

    /// Calls \a f with the name, the member and the text of each.
    template <typename F>
    static void for_each(F&& f) {
        f("scalars", &source_options::scalars,
          "Items with one value a heap, described as for a sink: tag_item and constant_item become "
          "tags (metadata) again; the first counter_item says where in time a heap belongs.");
        f("other_items", &source_options::other_items,
          "Whether items that nothing was said about become tags (metadata) too, by their names.");
        f("window", &source_options::window,
          "Heaps that wait at most for one before them that has not come yet; later it is too "
          "late.");
        f("cnt_step", &source_options::cnt_step,
          "Difference of the cnts of neighbouring heaps, by which heaps are put in order and "
          "missed "
          "where there is no counter_item; 0: cnts say nothing.");
        f("on_bad_heap", &source_options::on_bad_heap,
          "\"error\": a heap or descriptor that contradicts what is expected stops the flowgraph, "
          "with a message that says which. \"skip\": it is counted, logged and left out.");
        f("undescribed", &source_options::undescribed,
          "Samples whose descriptor has not come: \"drop\" and count them, or take them to be what "
          "is expected in the machine's (\"native\") or in network byte order (\"network\").");
    }
};

struct SPEAD2_GR_API heap_source_options : source_options {
    std::string length_tag = "packet_len";
    std::string lost_tag = "lost";
    lost_action on_lost = lost_action::skip;
    std::uint64_t max_fill = std::uint64_t{1} << 24;

    template <typename F>
    static void for_each(F&& f) {
        f("length_tag", &heap_source_options::length_tag,
          "Key of the tag on a heap's first sample with the number of its samples; empty: none.");
        f("lost_tag", &heap_source_options::lost_tag,
          "Key of the tag where samples are missing, or their place is filled: how many; 0 where "
          "that cannot be known. Empty: none.");
        f("on_lost", &heap_source_options::on_lost,
          "In place of samples that did not come: \"skip\": nothing. \"zeros\", \"nan\" (numbers "
          "that are none), \"last\" (the last sample before them). \"stop\": the flowgraph ends.");
        f("max_fill", &heap_source_options::max_fill,
          "Most samples that are filled in at one place; more are skipped.");
        source_options::for_each(f);
    }
};

struct SPEAD2_GR_API pdu_heap_source_options : source_options {
    std::string lost_key = "lost";
    lost_pdu_action on_lost = lost_pdu_action::skip;
    std::uint64_t max_queue = 64;

    template <typename F>
    static void for_each(F&& f) {
        f("lost_key", &pdu_heap_source_options::lost_key,
          "Metadata entry of the PDU after samples that did not come: how many; 0 where that "
          "cannot be known. Empty: none.");
        f("on_lost", &pdu_heap_source_options::on_lost,
          R"(Heaps that did not come: "skip": go on. "stop": the flowgraph ends.)");
        f("max_queue", &pdu_heap_source_options::max_queue,
          "PDUs that wait at a block that takes them; with so many the source waits.");
        source_options::for_each(f);
    }
};

}  // namespace gr::spead2
