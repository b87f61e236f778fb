// SPDX-License-Identifier: Apache-2.0
// Heaps that are queued together and complete together. How a stream sends them is its own matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

#include <spead2/send/heap.h>
#include <spead2/send/heap_list.h>

namespace spead2::send {

/// Order of the packets of a group of heaps.
enum class group_mode : std::uint8_t {
    round_robin,  ///< packets of each heap in turn (one, unless asked for more); heaps that have no
                  ///< more are skipped
    serial,       ///< one heap after another
};

namespace detail {
struct group_state;
}

/// Derive from it to be told when all heaps are sent; an empty group completes when everything
/// queued before it has.
class heap_group {
public:
    heap_group() noexcept;
    heap_group(const heap_group&) = delete;
    heap_group& operator=(const heap_group&) = delete;
    virtual ~heap_group();

    /// \throw std::invalid_argument (no packets of this size are possible; rate not a number)
    void add(heap_reference reference, std::size_t max_packet_size);
    /// The same for what something else keeps alive, unchanged, as long as the group (see
    /// keep_alive()), which spares counting references.
    void add_kept(std::span<const listed_heap* const> heaps, std::size_t max_packet_size);
    /// The same for a list, to a group that has no heaps yet; with the packets that the list kept
    /// where possible. The list may change or end as soon as the group is queued, but then what it
    /// held must be kept.
    void add_kept(heap_list& heaps, std::size_t max_packet_size);

    void reserve(std::size_t heaps);
    /// Keep something alive as long as the group lives. At most once.
    void keep_alive(heap_owner owner) noexcept;
    void set_mode(group_mode mode) noexcept;
    /// Packets that a heap sends in its turn, in round robin; 0: as the stream is configured.
    void set_turn_packets(std::size_t packets) noexcept;

    [[nodiscard]] std::size_t size() const noexcept;
    /// Bytes of the heaps' payload.
    [[nodiscard]] std::uint64_t payload_size() const noexcept;

    /// First error of the group; none if all was sent. Once complete.
    [[nodiscard]] const std::error_code& error() const noexcept;
    /// The substream of the packet that failed first; send_result::unknown if that is not known.
    [[nodiscard]] std::size_t failed_substream() const noexcept;
    /// Bytes of packets that went. Once complete.
    [[nodiscard]] std::uint64_t bytes_sent() const noexcept;

protected:
    /// All is sent or failed. The group now belongs to the callee, who destroys it when it pleases.
    /// Called without locks by whichever thread drives the stream, in the order of queueing; must
    /// be quick. It may queue on the same stream, and may destroy it.
    virtual void complete() noexcept = 0;

private:
    friend struct detail::group_state;
    friend class heap_list;
    [[nodiscard]] detail::group_state& state() noexcept;
    [[nodiscard]] const detail::group_state& state() const noexcept;

    /// What only streams look into, without an allocation of its own.
    alignas(8) std::byte state_[360];
};

}  // namespace spead2::send
