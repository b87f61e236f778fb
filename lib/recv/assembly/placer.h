// SPDX-License-Identifier: Apache-2.0
// What assembly asks when payload does not go to memory of the heap's own, but to a place in a chunk.
#pragma once

#include <cstddef>
#include <cstdint>

#include <spead2/wire/packet.h>

namespace spead2::recv {

/// Where a heap goes. Meaningful to the placer alone, but for verdict, base and capacity.
struct placement {
    enum class kind : std::uint8_t {
        accept,
        reject,  ///< the heap is dropped, packet by packet
        later,   ///< nothing can be said now: offer the packet again
    };
    kind verdict = kind::accept;
    std::uint8_t* base = nullptr;
    std::size_t capacity = 0;
    std::uint8_t* flags = nullptr;  ///< set to 1 when the heap, or each packet, is there
    std::int64_t chunk_id = -1;
    bool marks_packets = false;  ///< flags are of packets, not of the heap
};

class placer {
public:
    virtual ~placer() = default;
    /// The first packet of a heap that is accepted; if it is the only one, nothing else is called for it.
    [[nodiscard]] virtual placement place(const packet_view& first) noexcept = 0;
    /// A packet of the heap has come. \return whether its payload is still wanted
    [[nodiscard]] virtual bool packet_placed(placement& where, const packet_view& p) noexcept = 0;
    /// All of the heap has come.
    virtual void heap_placed(placement& where) noexcept = 0;
};

}  // namespace spead2::recv
