// SPDX-License-Identifier: Apache-2.0
// What a stream knows of a group of heaps: their shape, what keeps them alive, and how far it has
// come with them. Making packets is the shape's matter, the order of groups the queue's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include <spead2/send/heap_group.h>

#include "books.h"
#include "call_in_turn.h"
#include "general_heaps.h"
#include "plain_heaps.h"
#include "premade_heaps.h"

namespace spead2::send::detail {

struct waiter;

struct group_state : group_progress {
    explicit group_state(heap_group& face) noexcept : face(&face) {}
    group_state(const group_state&) = delete;
    group_state& operator=(const group_state&) = delete;
    ~group_state() {
        if (owner.object != nullptr) owner.release(owner.object);
    }
    /// That of a group.
    [[nodiscard]] static group_state& of(heap_group& group) noexcept { return group.state(); }

    // While it is not queued:
    void reserve(std::size_t heaps);
    /// Add a heap, and own what it holds.
    void add(heap_reference&& reference, std::size_t max_packet_size) {
        const heap_contents& contents = *reference.contents;
        if (kept == nullptr) {
            kept = std::move(reference.contents);
        } else {
            if (kept_more.empty()) kept_more.reserve(capacity());
            kept_more.push_back(std::move(reference.contents));
        }
        add_kept(contents, only_packet::of(contents, max_packet_size), reference.cnt,
                 reference.substream_index, reference.rate, max_packet_size);
    }
    /// Add a heap that something else keeps alive.
    void add_kept(const heap_contents& contents, const only_packet& only, std::int64_t cnt,
                  std::size_t substream, double rate, std::size_t max_packet_size) {
        plain_heaps* const plain = std::get_if<plain_heaps>(&heaps);
        if (plain == nullptr || only.size == 0 || cnt >= 0 || !(rate < 0.0)) [[unlikely]] {
            add_other({&contents, only, substream}, cnt, rate, max_packet_size);
        } else {
            plain->add({&contents, only, substream});
        }
        payload_size += contents.payload_size();
        max_substream = std::max(max_substream, substream);
    }
    /// Have packets that are made instead of heaps. \return false if somebody else is sending them
    [[nodiscard]] bool use(const std::shared_ptr<premade_packets>& packets) noexcept;

    [[nodiscard]] std::size_t size() const noexcept;
    /// \throw std::system_error  EINVAL: a substream or cnt is out of range
    ///        std::invalid_argument  the packets are too large
    void check(std::size_t num_substreams, std::size_t max_packet_size) const;
    /// Give the heaps their cnts, and the stream's rate and packets a turn where they have none of
    /// their own.
    void queue(cnt_sequence& cnts, double seconds_per_byte, std::size_t stream_turn_packets);

    // Once it is queued, the driver's:
    /// Make packets as long as there is room. \return whether all are made; if not, no more of them may
    /// go into the batch
    [[nodiscard]] bool fill(next_batch& batch) noexcept;
    /// All packets are released: let others send those that were made before.
    void give_back() noexcept;
    /// The same, and hand it to the face.
    void complete() noexcept;

    heap_group* const face;
    group_state* next = nullptr;  ///< in the queue
    waiter* waiting = nullptr;  ///< under the stream's lock: who has the group when it is complete
    bool is_awaited = false;    ///< somebody waits, or has given up
    std::variant<plain_heaps, general_heaps, premade_heaps, call_in_turn> heaps;
    group_mode mode = group_mode::round_robin;
    std::size_t turn_packets = 0;  ///< 0: the stream's
    std::uint64_t payload_size = 0;
    std::size_t max_substream = 0;
    std::shared_ptr<const heap_contents> kept;  ///< of the first heap, what add() was given
    std::vector<std::shared_ptr<const heap_contents>> kept_more;  ///< of others
    heap_owner owner{nullptr, nullptr};

private:
    [[nodiscard]] std::size_t capacity() const noexcept;
    void add_other(const plain_heaps::entry& heap, std::int64_t cnt, double rate,
                   std::size_t max_packet_size);
    void make_plain();
};

}  // namespace spead2::send::detail
