// SPDX-License-Identifier: GPL-3.0-or-later
#include "source_counts.h"

namespace gr::spead2 {

pmt::pmt_t source_counts::dictionary() {
    pmt::pmt_t d = pmt::make_dict();
    const auto add = [&](const char* name, const count& c) {
        d = pmt::dict_add(d, pmt::mp(name), pmt::from_uint64(c.load()));
    };
    add("heaps_received", heaps_received);
    add("bytes_received", bytes_received);
    add("heaps_lost", heaps_lost);
    add("samples_lost", samples_lost);
    add("samples_filled", samples_filled);
    add("heaps_late", heaps_late);
    add("bad_heaps", bad_heaps);
    add("heaps_undescribed", heaps_undescribed);
    add("restarts", restarts);
    return add_common(d, bytes_received.load());
}

}  // namespace gr::spead2
