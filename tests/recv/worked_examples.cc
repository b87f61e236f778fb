// SPDX-License-Identifier: Apache-2.0
// Packets byte by byte, and what the receiver makes of each: heaps, items, descriptors, statistics
// and log. All were measured on the reference package, through a queue.
#include <chrono>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <spead2/base/errors.h>
#include <spead2/recv/readers/inproc.h>
#include <spead2/recv/stream.h>

#include "../expect.h"
#include "packets.h"

namespace {

using namespace spead2::recv;

struct options {
    bool out_of_order = false;
    bool incomplete = false;
    bool keep_stop = false;
};

struct example {
    options with;
    std::vector<std::string> packets;
    std::string heaps;
    std::string stats;
    std::string log;
};

const std::vector<example> examples{
    // E1 Smallest heap: one addressed item
    {{},
     {"5304030500000005 8000010000000001 8000020000000004 8000030000000000 800004000000"
      "0004 0010000000000000 61626364"},
     "heap 1: 0x1000=61626364\n",
     "heaps 1, packets 1, batches 1, single_packet_heaps 1",
     ""},
    // E2 Immediate only
    {{},
     {"5304030500000005 8000010000000007 8000020000000000 8000030000000000 800004000000"
      "0000 8016000000000102"},
     "heap 7: 0x1600=imm 258\n",
     "heaps 1, packets 1, batches 1, single_packet_heaps 1",
     ""},
    // E3 SPEAD-64-48, addressed item and immediate −2
    {{},
     {"5304020600000006 8001000000000001 8002000000000002 8003000000000000 800400000000"
      "0002 1000000000000000 9001fffffffffffe 1234"},
     "heap 1: 0x1000=1234 0x1001=imm 281474976710654\n",
     "heaps 1, packets 1, batches 1, single_packet_heaps 1",
     ""},
    // E4 Two packets in order
    {{},
     {"5304030500000005 8000010000000002 8000020000000008 8000030000000000 800004000000"
      "0004 0010000000000000 61626364",
      "5304030500000004 8000010000000002 8000020000000008 8000030000000004 800004000000"
      "0004 65666768"},
     "heap 2: 0x1000=6162636465666768\n",
     "heaps 1, packets 2, batches 2, search_dist 2",
     ""},
    // E5 The same, reversed
    {{},
     {"5304030500000004 8000010000000002 8000020000000008 8000030000000004 800004000000"
      "0004 65666768",
      "5304030500000005 8000010000000002 8000020000000008 8000030000000000 800004000000"
      "0004 0010000000000000 61626364"},
     "",
     "heaps 1, incomplete_heaps_flushed 1, packets 2, batches 2, search_dist 2",
     "WARNING dropped incomplete heap 2 (4/8 bytes of payload)\n"},
    // E6 The same, reversed (`allow_out_of_order=True`)
    {{.out_of_order = true},
     {"5304030500000004 8000010000000002 8000020000000008 8000030000000004 800004000000"
      "0004 65666768",
      "5304030500000005 8000010000000002 8000020000000008 8000030000000000 800004000000"
      "0004 0010000000000000 61626364"},
     "heap 2: 0x1000=6162636465666768\n",
     "heaps 1, packets 2, batches 2, search_dist 2",
     ""},
    // E7 Lost middle (`allow_out_of_order=True`, `contiguous_only=False`, `incomplete_keep_payload_ranges=True`)
    {{.out_of_order = true, .incomplete = true},
     {"5304030500000006 8000010000000003 800002000000000c 8000030000000000 800004000000"
      "0004 0010000000000000 8010010000000007 61626364",
      "5304030500000004 8000010000000003 800002000000000c 8000030000000008 800004000000"
      "0004 696a6b6c"},
     "incomplete heap 3: 0x1001=imm 7 8/12 [(0, 4), (8, 12)]\n",
     "heaps 1, incomplete_heaps_flushed 1, packets 2, batches 2, search_dist 2",
     ""},
    // E8 No HEAP_LEN, flushed by the end
    {{},
     {"5304030500000004 8000010000000004 8000030000000000 8000040000000002 001000000000"
      "0000 6162",
      "5304030500000003 8000010000000004 8000030000000002 8000040000000002 6364"},
     "heap 4: 0x1000=61626364\n",
     "heaps 1, incomplete_heaps_flushed 1, packets 2, batches 2, search_dist 2",
     ""},
    // E9 Pointer order, zero-length item (0x1002), immediates sorted by value
    {{},
     {"5304030500000009 8000010000000005 8000020000000006 8000030000000000 800004000000"
      "0006 0010020000000006 0010010000000004 0010000000000000 8010030000000009 8010040"
      "000000003 616263646566"},
     "heap 5: 0x1000=61626364 0x1001=6566 0x1004=imm 3 0x1003=imm 9\n",
     "heaps 1, packets 1, batches 1, single_packet_heaps 1",
     ""},
    // E10 Stop
    {{},
     {"5304030500000005 8000010000000006 8000020000000000 8000030000000000 800004000000"
      "0000 8000060000000002"},
     "",
     "packets 1, batches 1, single_packet_heaps 1",
     ""},
    // E11 Start
    {{},
     {"5304030500000005 8000010000000006 8000020000000000 8000030000000000 800004000000"
      "0000 8000060000000000"},
     "heap 6: 0x6=imm 0 start\n",
     "heaps 1, packets 1, batches 1, single_packet_heaps 1",
     ""},
    // E12 Stop kept (`stop_on_stop_item=False`)
    {{.keep_stop = true},
     {"5304030500000005 8000010000000006 8000020000000000 8000030000000000 800004000000"
      "0000 8000060000000002"},
     "heap 6: 0x6=imm 2 end\n",
     "heaps 1, packets 1, batches 1, single_packet_heaps 1",
     ""},
    // E13 Descriptor heap (empty group)
    {{},
     {"5304030500000005 8000010000000001 8000020000000057 8000030000000000 800004000000"
      "0057 0000050000000000 5304030500000009800001000000000180000200000000078000030000"
      "00000080000400000000078000140000001234000010000000000000001100000000020000120000"
      "00000300001300000000036e6d6475000010"},
     "heap 1: descriptor 0x1234 nm [] u16\n",
     "heaps 1, packets 1, batches 1, single_packet_heaps 1",
     ""},
    // E14 then its value
    {{},
     {"5304030500000005 8000010000000002 8000020000000002 8000030000000000 800004000000"
      "0002 0012340000000000 0102"},
     "heap 2: 0x1234=0102\n",
     "heaps 1, packets 1, batches 1, single_packet_heaps 1",
     ""},
    // E15 then as an immediate
    {{},
     {"5304030500000005 8000010000000003 8000020000000000 8000030000000000 800004000000"
      "0000 8012340000000a0b"},
     "heap 3: 0x1234=imm 2571\n",
     "heaps 1, packets 1, batches 1, single_packet_heaps 1",
     ""},
    // E16 Descriptor and value of a variable-length string in one heap
    {{},
     {"5304030500000006 8000010000000001 800002000000005e 8000030000000000 800004000000"
      "005e 0000050000000000 001300000000005b 53040305000000098000010000000001800002000"
      "000000b8000030000000000800004000000000b80001400000013000000100000000000000011000"
      "0000001000012000000000100001300000000077301000000000063000008616263"},
     "heap 1: 0x1300=616263 descriptor 0x1300 s [-1] c8\n",
     "heaps 1, packets 1, batches 1, single_packet_heaps 1",
     ""},
    // E17 Two 12-bit numbers
    {{},
     {"5304030500000006 8000010000000001 800002000000005e 8000030000000000 800004000000"
      "005e 0000050000000000 001301000000005b 53040305000000098000010000000001800002000"
      "000000b8000030000000000800004000000000b80001400000013010000100000000000000011000"
      "000000100001200000000010000130000000007700000000000027500000c123456"},
     "heap 1: 0x1301=123456 descriptor 0x1301 p [2] u12\n",
     "heaps 1, packets 1, batches 1, single_packet_heaps 1",
     ""},
    // E18 Pointer past the end
    {{},
     {"5304030500000005 8000010000000008 8000020000000004 8000030000000000 800004000000"
      "0004 0010000000000005 61626364"},
     "",
     "heaps 1, incomplete_heaps_flushed 1, packets 1, batches 1, single_packet_heaps 1",
     "WARNING dropped incomplete heap 8 (4/4 bytes of payload)\n"},
    // E19 Payload beyond HEAP_LEN
    {{},
     {"5304030500000005 8000010000000009 8000020000000004 8000030000000002 800004000000"
      "0004 0010000000000000 61626364"},
     "",
     "batches 1",
     "INFO packet rejected because payload would overflow given heap length\n"},
    // E20 Repeated pointers
    {{},
     {"5304030500000007 8000010000000001 8000020000000000 8000030000000000 800004000000"
      "0000 8010000000000005 8010000000000005 8010000000000006"},
     "heap 1: 0x1000=imm 5 0x1000=imm 6\n",
     "heaps 1, packets 1, batches 1, single_packet_heaps 1",
     ""},
};

std::string describe(const heap& h) {
    std::ostringstream out;
    out << (h.complete() ? "" : "incomplete ") << "heap " << h.cnt() << ":" << std::hex;
    for (const raw_item& item : h.items()) {
        out << " 0x" << item.id << "=";
        if (item.is_immediate)
            out << "imm " << std::dec << item.immediate_value << std::hex;
        else
            out << to_hex({item.data, item.length});
    }
    for (const spead2::descriptor& d : h.descriptors()) {
        out << " descriptor 0x" << d.id << " " << d.name << " [" << std::dec;
        for (std::size_t i = 0; i < d.shape.size(); ++i) out << (i ? ", " : "") << d.shape[i];
        out << "]";
        for (const spead2::format_field& f : d.format) out << " " << f.code << f.bits;
        out << std::hex;
    }
    out << std::dec;
    if (h.is_start_of_stream()) out << " start";
    if (h.is_end_of_stream()) out << " end";
    if (!h.complete()) {
        out << " " << h.received_length() << "/" << h.heap_length() << " [";
        for (std::size_t i = 0; i < h.payload_ranges().size(); ++i)
            out << (i ? ", " : "") << "(" << h.payload_ranges()[i].first << ", "
                << h.payload_ranges()[i].second << ")";
        out << "]";
    }
    out << "\n";
    return out.str();
}

std::string describe(const stream_stats& stats) {
    std::string text;
    for (std::size_t i = 0; i < stats.size(); ++i)
        if (stats[i] != 0 && i != stat_index::max_batch)
            text += (text.empty() ? "" : ", ") + stats.config()[i].name + " " +
                    std::to_string(stats[i]);
    return text;
}

void expect_same(const char* what, std::size_t number, const std::string& got,
                 const std::string& expected) {
    if (got == expected) return;
    std::fprintf(stderr, "E%zu: %s is\n%sbut should be\n%s\n", number, what, got.c_str(),
                 expected.c_str());
    ++failures;
}

void run(std::size_t number, const example& e) {
    const collected_log log;
    std::string heaps;
    std::string stats;
    {
        stream_config config;
        config.set_allow_out_of_order(e.with.out_of_order).set_stop_on_stop_item(!e.with.keep_stop);
        ring_stream_config ring;
        ring.set_contiguous_only(!e.with.incomplete).set_incomplete_keep_payload_ranges(true);
        auto queue = std::make_shared<spead2::inproc_queue>();
        for (const std::string& p : e.packets) queue->add_packet(from_hex(p));
        queue->stop();
        ring_stream s(std::make_shared<spead2::thread_pool>(), config, ring);
        s.add_reader<inproc_reader>(queue);
        try {
            while (const heap_ptr h = s.pop()) heaps += describe(*h);
        } catch (const spead2::stopped_error&) {
            stats = describe(s.stats());
        }
        EXPECT(s.stats()[stat_index::max_batch] == (s.stats()[stat_index::packets] != 0 ? 1 : 0));
    }
    expect_same("what is received", number, heaps, e.heaps);
    expect_same("what is counted", number, stats, e.stats);
    expect_same("the log", number, log.text(), e.log);
}

}  // namespace

int main() {
    for (std::size_t i = 0; i < examples.size(); ++i) run(i + 1, examples[i]);
    if (failures == 0) std::puts("all held");
    return failures == 0 ? 0 : 1;
}
