// SPDX-License-Identifier: Apache-2.0
// Packets from a capture file: what tcpdump or dumpcap has written, or a send::pcap stream.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <tuple>

#include <spead2/base/arguments.h>
#include <spead2/base/options.h>
#include <spead2/recv/reader.h>
#include <spead2/recv/reader_info.h>

namespace spead2::recv {

/// What a reader of a capture file is made from.
struct pcap_reader_options {
    std::filesystem::path filename;
    std::string filter;
    bool at_own_pace = false;

    static constexpr auto arguments() {
        using self = pcap_reader_options;
        return std::tuple{
            argument("filename", &self::filename,
                     "pcap (either byte order, any resolution of time) or pcapng; a regular file."),
            optional_argument("filter", &self::filter,
                              "Which packets, in the language of tcpdump (pcap-filter(7)); empty: "
                              "all."),
        };
    }
    static constexpr auto options() {
        return std::tuple{option("at_own_pace", &pcap_reader_options::at_own_pace,
                                 "Whether packets come at the pace at which they were captured; "
                                 "else as fast as they are taken.")};
    }
};

/// Takes UDP packets over IPv4 and IPv6, with VLAN tags or without, from captures of Ethernet, Linux
/// "cooked" interfaces, the loop-back interface, and bare IP; puts fragments together. Others are passed
/// over, those that the capture has cut off with a warning. Needs libpcap, which is loaded when the first
/// reader is made.
class pcap_reader final : public reader {
public:
    using options_type = pcap_reader_options;
    static constexpr reader_info info{
        .name = "pcap",
        .method = "add_udp_pcap_file_reader",
        .label = "Capture file",
        .text =
            "Receive the UDP packets in a capture file.\n\n"
            "Takes IPv4 and IPv6, with VLAN tags or without, from captures of Ethernet, Linux "
            "\"cooked\" interfaces,\nthe loop-back interface, and bare IP; fragments are put "
            "together. Other packets are passed over, those\nthat the capture has cut off with a "
            "warning. The reader ends with the file. Needs libpcap."};

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
