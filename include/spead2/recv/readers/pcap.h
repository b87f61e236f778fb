// SPDX-License-Identifier: Apache-2.0
// Packets from a capture file: what tcpdump or dumpcap has written, or a send::pcap stream.
#pragma once

#include <memory>
#include <string>

#include <spead2/recv/reader.h>

namespace spead2::recv {

/// What a reader of a capture file is made from.
struct pcap_reader_options {
    /// pcap (either byte order, any resolution of time) or pcapng. A regular file.
    std::string filename;
    /// Which packets, in the language of tcpdump (pcap-filter(7)); empty: all.
    std::string filter;
    /// Whether packets come at the pace at which they were captured; else as fast as they are taken.
    bool at_own_pace = false;
};

/// Takes UDP packets over IPv4 and IPv6, with VLAN tags or without, from captures of Ethernet, Linux
/// "cooked" interfaces, the loop-back interface, and bare IP; puts fragments together. Others are passed
/// over, those that the capture has cut off with a warning. Needs libpcap, which is loaded when the first
/// reader is made.
class pcap_reader final : public reader {
public:
    /// \throw socket_setup_error  the file cannot be opened
    /// \throw std::runtime_error  it is no capture, or one of something else; the filter is wrong; no
    ///                            libpcap on this machine
    explicit pcap_reader(const pcap_reader_options& options);
    ~pcap_reader() override;

    [[nodiscard]] read_wait read(intake& to) override;
    [[nodiscard]] std::string describe() const override;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace spead2::recv
