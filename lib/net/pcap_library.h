// SPDX-License-Identifier: Apache-2.0
// The functions of libpcap that capture files need, found at run time: a program that reads none does
// not need the library, nor does the build. What is declared here has been the library's binary
// interface since its first shared release.
#pragma once

#include <sys/time.h>

#include <cstdint>
#include <cstdio>

namespace spead2 {

struct pcap_handle;  ///< opaque: pcap_t

/// What libpcap says of a packet: struct pcap_pkthdr.
struct pcap_packet_header {
    timeval time;            ///< with nanoseconds in place of microseconds, as they are asked for
    std::uint32_t captured;  ///< bytes that are there
    std::uint32_t original;  ///< bytes that the packet had
};

/// A compiled filter: struct bpf_program.
struct pcap_filter {
    unsigned length;
    void* instructions;
};

struct pcap_library {
    static constexpr std::size_t error_size = 256;
    static constexpr unsigned nanoseconds = 1;

    /// Takes over the file if it can be read.
    pcap_handle* (*open)(std::FILE* file, unsigned precision, char* error);
    void (*close)(pcap_handle*);
    int (*link_type)(pcap_handle*);
    /// \return 1: a packet, which is valid until the next call; -2: the end; -1: see error_text
    int (*next)(pcap_handle*, pcap_packet_header**, const std::uint8_t**);
    char* (*error_text)(pcap_handle*);
    int (*compile)(pcap_handle*, pcap_filter*, const char* text, int optimize, std::uint32_t mask);
    int (*set_filter)(pcap_handle*, pcap_filter*);
    void (*free_filter)(pcap_filter*);

    /// Load it, the first time; it stays loaded.
    /// \throw std::runtime_error that says what is missing and what to install
    [[nodiscard]] static const pcap_library& get();
};

}  // namespace spead2
