// SPDX-License-Identifier: Apache-2.0
// The headers around UDP packets: what is written is found again, and of anything that is not a
// whole UDP packet nothing is found. Every buffer ends where its memory does, so that the address
// sanitizer sees a look beyond it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "net/ethernet_frame.h"

namespace {

using bytes = std::vector<std::uint8_t>;

void check(bool held, const char* what) {
    if (held) return;
    std::printf("%s\n", what);
    std::exit(1);
}

bytes ipv4_frame(std::size_t payload) {
    const spead2::ipv4_endpoint from{{htonl(0x0a000001)}, htons(4711)};
    const spead2::ipv4_endpoint to{{htonl(0xefff0102)}, htons(7148)};
    const spead2::frame_header header({2, 0, 0, 0, 0, 1}, from, to, 3, true);
    bytes frame(spead2::frame_header::size + payload);
    for (std::size_t i = 0; i < payload; ++i)
        frame[spead2::frame_header::size + i] = static_cast<std::uint8_t>(i);
    header.write(frame.data(), payload);
    return frame;
}

/// \a extension: bytes of an extension header of this type in front, a multiple of 8
bytes ipv6_packet(std::size_t payload, std::uint8_t type = IPPROTO_UDP, std::size_t extension = 0) {
    bytes packet(40 + extension + 8 + payload);
    const auto put = [&packet](std::size_t at, std::size_t value) {
        packet[at] = static_cast<std::uint8_t>(value >> 8);
        packet[at + 1] = static_cast<std::uint8_t>(value);
    };
    packet[0] = 0x60;
    put(4, extension + 8 + payload);
    packet[6] = type;
    packet[23] = 1;  // ::1
    packet[39] = 2;  // ::2
    if (extension != 0) {
        packet[40] = IPPROTO_UDP;
        packet[41] = static_cast<std::uint8_t>(extension / 8 - 1);
    }
    put(40 + extension, 4711);
    put(42 + extension, 7148);
    put(44 + extension, 8 + payload);
    for (std::size_t i = 0; i < payload; ++i)
        packet[48 + extension + i] = static_cast<std::uint8_t>(i);
    return packet;
}

bool is_ours(const std::optional<spead2::udp_datagram>& found, std::size_t payload) {
    if (!found || found->payload.size() != payload || found->source_port != 4711 ||
        found->destination_port != 7148)
        return false;
    for (std::size_t i = 0; i < payload; ++i)
        if (found->payload[i] != static_cast<std::uint8_t>(i)) return false;
    return true;
}

bytes with_vlan(bytes frame, std::uint8_t high, std::uint8_t low) {
    const std::uint8_t tag[] = {high, low, 0x00, 0x07};
    frame.insert(frame.begin() + 12, std::begin(tag), std::end(tag));
    return frame;
}

void written_is_found() {
    for (const std::size_t payload : {0u, 1u, 1472u, 65507u}) {
        const bytes frame = ipv4_frame(payload);
        const auto found = spead2::find_udp_in_ethernet(frame);
        check(is_ours(found, payload), "an IPv4 frame is not found");
        check(found->source[3] == 1 && found->destination[0] == 0xef, "wrong IPv4 addresses");
        const bytes tagged = with_vlan(frame, 0x81, 0x00);
        check(is_ours(spead2::find_udp_in_ethernet(tagged), payload), "a VLAN frame is not found");
        const bytes twice = with_vlan(tagged, 0x88, 0xa8);
        check(is_ours(spead2::find_udp_in_ethernet(twice), payload),
              "two VLAN tags are not passed");
    }
    const bytes v6 = ipv6_packet(100);
    const auto found = spead2::find_udp_in_ip(v6);
    check(is_ours(found, 100), "an IPv6 packet is not found");
    check(found->source.size() == 16 && found->source[15] == 1 && found->destination[15] == 2,
          "wrong IPv6 addresses");
    for (const std::size_t extension : {8u, 16u, 2048u})
        check(is_ours(spead2::find_udp_in_ip(ipv6_packet(100, IPPROTO_HOPOPTS, extension)), 100),
              "an IPv6 extension header is not passed");
}

void padding_is_left_out() {
    bytes frame = ipv4_frame(3);
    frame.resize(60);  // the shortest Ethernet frame
    check(is_ours(spead2::find_udp_in_ethernet(frame), 3), "padding is taken for payload");
}

void options_are_passed() {
    bytes frame = ipv4_frame(100);
    frame.insert(frame.begin() + 34, 4, 1);
    frame[14] = 0x46;
    frame[17] = static_cast<std::uint8_t>(frame[17] + 4);
    check(is_ours(spead2::find_udp_in_ethernet(frame), 100), "IPv4 options are not passed");
}

void others_are_not_found() {
    const bytes frame = ipv4_frame(100);
    const auto refused = [](const bytes& f, const char* what) {
        check(!spead2::find_udp_in_ethernet(f), what);
    };
    bytes changed = frame;
    changed[20] |= 0x20;
    refused(changed, "a first fragment is found");
    changed = frame;
    changed[21] = 1;
    refused(changed, "a later fragment is found");
    changed = frame;
    changed[23] = IPPROTO_TCP;
    refused(changed, "TCP is found");
    changed = frame;
    changed[13] = 0x06;
    refused(changed, "ARP is found");
    changed = frame;
    changed[39] = 7;
    changed[38] = 0;
    refused(changed, "a UDP length below its header's is found");
    check(!spead2::find_udp_in_ip(ipv6_packet(100, IPPROTO_FRAGMENT, 8)),
          "a fragment of IPv6 is found");
    for (std::size_t n = 0; n < frame.size(); ++n)
        refused(bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(n)),
                "a frame that is cut off is found");
    const bytes v6 = ipv6_packet(100, IPPROTO_DSTOPTS, 16);
    for (std::size_t n = 0; n < v6.size(); ++n)
        check(
            !spead2::find_udp_in_ip(bytes(v6.begin(), v6.begin() + static_cast<std::ptrdiff_t>(n))),
            "an IPv6 packet that is cut off is found");
}

void garbage_stays_within_its_memory() {
    std::mt19937 random(1);
    const bytes seeds[] = {ipv4_frame(40), with_vlan(ipv4_frame(40), 0x81, 0)};
    std::size_t found = 0;
    for (int i = 0; i < 200'000; ++i) {
        bytes frame = seeds[i % 2];
        if (i % 3 == 0) frame = bytes(14, 0x86), frame[13] = 0xdd;
        if (i % 3 == 0) {
            const bytes v6 = ipv6_packet(40, IPPROTO_HOPOPTS, 8);
            frame.insert(frame.end(), v6.begin(), v6.end());
        }
        for (unsigned n = random() % 4; n > 0; --n)
            frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
        frame.resize(random() % (frame.size() + 1));
        frame.shrink_to_fit();
        const auto result = spead2::find_udp_in_ethernet(frame);
        if (!result) continue;
        ++found;
        check(result->payload.data() >= frame.data() &&
                  result->payload.data() + result->payload.size() <= frame.data() + frame.size(),
              "payload outside the frame");
    }
    check(found > 0, "nothing was found");
}

}  // namespace

int main() {
    written_is_found();
    padding_is_left_out();
    options_are_passed();
    others_are_not_found();
    garbage_stays_within_its_memory();
    std::puts("all held");
}
