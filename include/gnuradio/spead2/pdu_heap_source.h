// SPDX-License-Identifier: GPL-3.0-or-later
// A block that receives heaps and publishes each as a PDU.
#pragma once

#include <memory>

#include <gnuradio/block.h>
#include <gnuradio/spead2/api.h>
#include <gnuradio/spead2/item.h>
#include <gnuradio/spead2/receivers.h>
#include <gnuradio/spead2/source.h>
#include <gnuradio/spead2/source_options.h>

namespace gr::spead2 {

/// Message port "pdus": pairs of a dictionary, with the values of the heap's other items, and a
/// uniform vector of the samples. Message port "stats" as in heap_source, and the same about waiting
/// and ends.
class SPEAD2_GR_API pdu_heap_source : virtual public gr::block, virtual public source {
public:
    using sptr = std::shared_ptr<pdu_heap_source>;

    /// \param stream  udp_receiver(), tcp_receiver(), or any stream of the engine with a ring
    /// \throw std::invalid_argument naming what is wrong
    static sptr make(receiver stream, const item& item,
                     const pdu_heap_source_options& options = {});
};

}  // namespace gr::spead2
