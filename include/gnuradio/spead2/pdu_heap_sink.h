// SPDX-License-Identifier: GPL-3.0-or-later
// A block that sends each PDU of a message port as a heap.
#pragma once

#include <memory>

#include <gnuradio/spead2/heap_sink.h>
#include <gnuradio/spead2/stream_options.h>

namespace gr::spead2 {

struct SPEAD2_GR_API pdu_heap_sink_options {
    /// As for heap_sink_options. PDUs are of many lengths, so true is the default here.
    bool variable_length = true;
    /// tag_item() takes the entry of that key of the metadata dictionary; counter_item() counts the
    /// samples of the PDUs before.
    std::vector<scalar_item> scalars{};
    std::uint64_t descriptor_interval = 0;
    substream_rule substream{};
    send_error_action on_send_error = send_error_action::count;
    bool send_start = true;
    bool send_end = true;
    ::spead2::flavour flavour{};
};

/// Message port "pdus": pairs of a dictionary and a uniform vector whose type fits the item. A
/// message that is none is counted in bad_tags() and logged. Message port "stats" as in heap_sink.
class SPEAD2_GR_API pdu_heap_sink : virtual public gr::block, virtual public heap_counts {
public:
    using sptr = std::shared_ptr<pdu_heap_sink>;

    /// \throw std::invalid_argument naming what is wrong
    static sptr make(std::shared_ptr<::spead2::send::stream> stream, const item& item,
                     const pdu_heap_sink_options& options = {});

    virtual void set_rate(double bytes_per_second) = 0;
    virtual void set_descriptor_interval(std::uint64_t heaps) = 0;
    [[nodiscard]] virtual std::uint64_t descriptor_interval() const = 0;
    [[nodiscard]] virtual const std::shared_ptr<::spead2::send::stream>& stream() const = 0;
};

/// pdu_heap_sink with a UDP stream of its own.
struct SPEAD2_GR_API udp_pdu_heap_sink {
    using sptr = pdu_heap_sink::sptr;
    static sptr make(const endpoint_list& endpoints, const item& item,
                     const pdu_heap_sink_options& options = {},
                     const udp_stream_options& stream_options = {});
};

}  // namespace gr::spead2
