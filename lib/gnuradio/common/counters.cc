// SPDX-License-Identifier: GPL-3.0-or-later
#include "counters.h"

namespace gr::spead2 {

pmt::pmt_t counters::dictionary() {
    pmt::pmt_t d = pmt::make_dict();
    const auto add = [&](const char* name, const std::atomic<std::uint64_t>& count) {
        d = pmt::dict_add(d, pmt::mp(name), pmt::from_uint64(count.load()));
    };
    add("heaps_sent", heaps_sent);
    add("bytes_sent", bytes_sent);
    add("heaps_failed", heaps_failed);
    add("samples_dropped", samples_dropped);
    add("bad_tags", bad_tags);
    add("restarts", restarts);
    add("samples_padded", samples_padded);
    add("queue_length", in_queue);
    d = pmt::dict_add(d, pmt::mp("held_back"), pmt::from_double(held_back()));
    return add_common(d, bytes_sent.load());
}

}  // namespace gr::spead2
