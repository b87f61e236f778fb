// SPDX-License-Identifier: Apache-2.0
// What assembly asks when payload does not go to memory of the heap's own, but to a place in a chunk.
#pragma once

#include <cstddef>
#include <cstdint>

#include <spead2/wire/packet.h>

#include "deferred_copies.h"

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
    std::size_t unit = 0;  ///< bytes of payload that each of flags is of; 0: all of the heap

    /// A packet whose payload was wanted has come; unit is not 0.
    void mark(std::uint64_t offset, std::uint64_t length) const noexcept {
        if (length != 0) flags[offset / unit] = 1;
    }
};

class placer {
public:
    virtual ~placer() = default;
    /// The first packet of a heap that is accepted; if it is the only one, nothing else is called for it.
    [[nodiscard]] virtual placement place(const packet_view& first) noexcept = 0;
    /// All of the heap has come.
    virtual void heap_placed(placement& where) noexcept = 0;

    /// Whether payload of a heap is still to be written.
    [[nodiscard]] bool wants(const placement& where) const noexcept {
        return where.chunk_id >= oldest_;
    }

    /// Those to places that were given out. A placer finishes them before it gives a chunk away.
    [[nodiscard]] deferred_copies& copies() noexcept { return copies_; }

protected:
    std::int64_t oldest_ = 0;  ///< chunk that is still written to

private:
    deferred_copies copies_;
};

}  // namespace spead2::recv
