// SPDX-License-Identifier: Apache-2.0
// What a stream knows of a group of heaps: the heaps, and how far it has come with them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include <spead2/send/heap_group.h>

#include "send/packets/only_packet.h"
#include "send/packets/packetiser.h"
#include "send/packets/premade_packets.h"

namespace spead2::send::detail {

struct group_state {
    struct entry {
        const heap_contents* contents;
        std::size_t substream;
        only_packet only;  ///< if one does not take the heap, there is packetisers[packets]
        // Not set in a simple group:
        std::int64_t cnt;
        double rate;  ///< as asked for; once queued, seconds per byte, 0 without limit
        std::uint32_t packets;
        std::uint32_t next;        ///< the entry after this one; once queued
        std::uint32_t unreleased;  ///< packets made and not yet released
        bool packetised;           ///< all packets are made
    };

    explicit group_state(heap_group& face) noexcept : face(&face) {}
    group_state(const group_state&) = delete;
    group_state& operator=(const group_state&) = delete;
    ~group_state() {
        release_premade();
        if (owner.object != nullptr) owner.release(owner.object);
    }
    /// That of a group.
    [[nodiscard]] static group_state& of(heap_group& group) noexcept { return group.state(); }

    [[nodiscard]] entry& at(std::size_t i) noexcept { return entries[i]; }
    void add(heap_reference&& reference, std::size_t max_packet_size) {
        const heap_contents& contents = *reference.contents;
        payload_size += contents.payload_size();
        if (kept == nullptr) {
            kept = std::move(reference.contents);
        } else {
            if (kept_more.empty()) kept_more.reserve(capacity);
            kept_more.push_back(std::move(reference.contents));
        }
        add_kept(contents, only_packet::of(contents, max_packet_size), reference.cnt,
                 reference.substream_index, reference.rate, max_packet_size);
    }
    void add_kept(const heap_contents& contents, const only_packet& only, std::int64_t cnt,
                  std::size_t substream_index, double rate, std::size_t max_packet_size) {
        if (only.size == 0 || size == capacity || cnt >= 0 || !(rate < 0.0) || !simple)
            [[unlikely]] {
            add_other({&contents, substream_index, only, cnt, rate, 0, 0, 0, false},
                      max_packet_size);
            return;
        }
        entry& e = entries[size++];
        e.contents = &contents;
        e.substream = substream_index;
        e.only = only;
        max_substream = std::max(max_substream, substream_index);
    }
    void add_other(entry added, std::size_t max_packet_size);
    /// Instead of entries: packets that are made. \return false if somebody else is sending them
    [[nodiscard]] bool use(std::shared_ptr<premade_packets> heaps) noexcept;
    void reserve(std::size_t heaps) {
        if (heaps > capacity) grow(heaps);
    }
    void grow(std::size_t heaps);
    void make_not_simple() noexcept;
    /// Have entries instead of premade packets.
    void expand();
    void release_premade() noexcept;
    void complete() noexcept { face->complete(); }

    heap_group* const face;
    // Most groups are of one heap: no allocation for those.
    entry single{};
    std::unique_ptr<entry[]> many;
    entry* entries = &single;
    std::size_t capacity = 1;
    std::shared_ptr<const heap_contents> kept;  ///< of the first heap, what add() was given
    std::vector<std::shared_ptr<const heap_contents>> kept_more;  ///< of others
    std::vector<packetiser> packetisers;       ///< of heaps that one packet is not enough for
    std::shared_ptr<premade_packets> premade;  ///< instead of entries
    std::uint64_t payload_size = 0;
    bool counted = false;  ///< cnts are next_cnt, next_cnt + step_cnt, ..., not the entries'
    std::uint64_t next_cnt = 0;  ///< of the next packet
    std::uint64_t step_cnt = 0;
    std::size_t size = 0;
    group_mode mode = group_mode::round_robin;
    bool explicit_cnt = false;  ///< some heap has a cnt of its own
    bool simple = true;         ///< all heaps need one packet, and have neither cnt nor rate
    bool paced = false;         ///< packets wait for their time; once queued
    std::size_t max_substream = 0;
    std::size_t unfinished = 0;    ///< entries with packets to make or release
    std::size_t unpacketised = 0;  ///< entries that may have packets to make, premade packets left
    std::uint32_t current = 0;     ///< entry of the next packet
    std::uint32_t previous = 0;    ///< round robin: the one before it
    std::error_code error;
    std::uint64_t bytes_sent = 0;
    heap_owner owner{nullptr, nullptr};
    group_state* next_group = nullptr;
};

}  // namespace spead2::send::detail
