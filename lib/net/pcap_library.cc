// SPDX-License-Identifier: Apache-2.0
#include "pcap_library.h"

#include <stdexcept>
#include <string>

#include "dynamic_library.h"

namespace spead2 {
namespace {

[[noreturn]] void refuse_captures(const std::string& reason) {
    throw std::runtime_error(
        "capture files cannot be read on this machine: " + reason +
        ". Install libpcap (Debian, Ubuntu: libpcap0.8; Fedora, RHEL: libpcap)");
}

pcap_library load_pcap() {
    const dynamic_library pcap({"libpcap.so.1", "libpcap.so.0.8"}, refuse_captures);
    pcap_library lib{};
    pcap.find("pcap_fopen_offline_with_tstamp_precision", lib.open);
    pcap.find("pcap_close", lib.close);
    pcap.find("pcap_datalink", lib.link_type);
    pcap.find("pcap_next_ex", lib.next);
    pcap.find("pcap_geterr", lib.error_text);
    pcap.find("pcap_compile", lib.compile);
    pcap.find("pcap_setfilter", lib.set_filter);
    pcap.find("pcap_freecode", lib.free_filter);
    return lib;
}

}  // namespace

const pcap_library& pcap_library::get() { return loaded_once(load_pcap); }

}  // namespace spead2
