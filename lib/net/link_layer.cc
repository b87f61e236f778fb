// SPDX-License-Identifier: Apache-2.0
#include "link_layer.h"

namespace spead2 {
namespace {

using bytes = std::span<const std::uint8_t>;

std::uint32_t get_16(bytes at) noexcept { return static_cast<std::uint32_t>(at[0]) << 8 | at[1]; }

/// \param type_at  where the EtherType stands; \param then  where it is followed from
bytes after_ether_type(bytes frame, std::size_t type_at, std::size_t then) noexcept {
    constexpr std::uint32_t ipv4 = 0x0800, ipv6 = 0x86dd, vlan = 0x8100, service_vlan = 0x88a8;
    if (type_at + 2 > frame.size()) return {};
    std::uint32_t type = get_16(frame.subspan(type_at));
    // A tag is two bytes, and the type of what follows it.
    for (; type == vlan || type == service_vlan; then += 4) {
        if (then + 4 > frame.size()) return {};
        type = get_16(frame.subspan(then + 2));
    }
    if ((type != ipv4 && type != ipv6) || then > frame.size()) return {};
    return frame.subspan(then);
}

}  // namespace

bool is_known(link_type type) noexcept {
    switch (type) {
        case link_type::null:
        case link_type::ethernet:
        case link_type::raw:
        case link_type::loop:
        case link_type::linux_sll:
        case link_type::ipv4:
        case link_type::ipv6:
        case link_type::linux_sll2:
            return true;
    }
    return false;
}

bytes find_ip(link_type type, bytes frame) noexcept {
    switch (type) {
        case link_type::ethernet:
            return after_ether_type(frame, 12, 14);
        case link_type::linux_sll:
            return after_ether_type(frame, 14, 16);
        case link_type::linux_sll2:
            return after_ether_type(frame, 0, 20);
        case link_type::null:
        case link_type::loop:
            // The version that IP packets begin with says the same as the family, in one byte order.
            return frame.size() < 4 ? bytes() : frame.subspan(4);
        case link_type::raw:
        case link_type::ipv4:
        case link_type::ipv6:
            return frame;
    }
    return {};
}

}  // namespace spead2
