// SPDX-License-Identifier: Apache-2.0
#include "ip_fragments.h"

#include <algorithm>
#include <utility>

namespace spead2 {

std::optional<ip_fragments::fragment> ip_fragments::parse(std::span<const std::uint8_t> packet) {
    fragment f{};
    if (packet.empty()) return std::nullopt;
    if (packet[0] >> 4 == 4) {
        if (packet.size() < 20) return std::nullopt;
        const std::size_t header = std::size_t{4} * (packet[0] & 0xf);
        const std::size_t length = detail::get_16(packet.data() + 2);
        if (header < 20 || length < header || length > packet.size() || packet[9] != IPPROTO_UDP)
            return std::nullopt;
        const std::uint32_t where = detail::get_16(packet.data() + 6);
        f.offset = std::size_t{where & 0x1fff} * unit;
        f.more = (where & 0x2000) != 0;
        f.address_size = 4;
        std::copy_n(packet.begin() + 12, 8, f.key.begin());
        std::copy_n(packet.begin() + 4, 2, f.key.begin() + 32);
        f.data = packet.subspan(header, length - header);
    } else {
        if (packet[0] >> 4 != 6 || packet.size() < 40) return std::nullopt;
        const std::size_t length = detail::get_16(packet.data() + 4);
        if (length + 40 > packet.size()) return std::nullopt;
        std::span<const std::uint8_t> rest = packet.subspan(40, length);
        std::uint8_t next = packet[6];
        while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
            if (rest.size() < 8) return std::nullopt;
            const std::size_t header = std::size_t{8} * (rest[1] + std::size_t{1});
            if (header > rest.size()) return std::nullopt;
            next = rest[0];
            rest = rest.subspan(header);
        }
        if (next != IPPROTO_FRAGMENT || rest.size() < 8 || rest[0] != IPPROTO_UDP)
            return std::nullopt;
        const std::uint32_t where = detail::get_16(rest.data() + 2);
        f.offset = where & 0xfff8;
        f.more = (where & 1) != 0;
        f.address_size = 16;
        std::copy_n(packet.begin() + 8, 32, f.key.begin());
        std::copy_n(rest.begin() + 4, 4, f.key.begin() + 32);
        f.data = rest.subspan(8);
    }
    if (!f.more && f.offset == 0) return std::nullopt;  // all of it
    if (f.data.empty() || f.offset + f.data.size() > largest ||
        (f.more && f.data.size() % unit != 0))
        return std::nullopt;
    return f;
}

std::optional<udp_datagram> ip_fragments::add(std::span<const std::uint8_t> packet) {
    std::optional<fragment> f = parse(packet);
    if (!f) return std::nullopt;
    const auto data = std::exchange(f->data, {});
    const std::size_t end = f->offset + data.size();
    auto found = std::find_if(incomplete_.begin(), incomplete_.end(), [&f](const incomplete& i) {
        return i.first_seen.key == f->key && i.first_seen.address_size == f->address_size;
    });
    if (found == incomplete_.end()) {
        if (incomplete_.size() == max_incomplete) incomplete_.pop_front();
        incomplete_.push_back({.first_seen = *f, .bytes = {}, .there = {}});
        found = std::prev(incomplete_.end());
    }
    if (!f->more) found->total = end;
    if (found->bytes.size() < end) found->bytes.resize(end);
    // What is there already stays.
    for (std::size_t at = 0; at < data.size(); at += unit) {
        const std::size_t number = (f->offset + at) / unit;
        if (found->there[number]) continue;
        found->there.set(number);
        ++found->units;
        std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(at),
                    std::min(unit, data.size() - at),
                    found->bytes.begin() + static_cast<std::ptrdiff_t>(f->offset + at));
    }
    if (found->total == 0 || found->units < (found->total + unit - 1) / unit) return std::nullopt;
    complete_ = std::move(*found);
    incomplete_.erase(found);
    if (complete_.bytes.size() != complete_.total) return std::nullopt;  // some lie beyond the end
    const std::span<const std::uint8_t> addresses = complete_.first_seen.key;
    const std::size_t n = complete_.first_seen.address_size;
    return detail::find_udp_payload(complete_.bytes, addresses.subspan(0, n),
                                    addresses.subspan(n, n));
}

}  // namespace spead2
