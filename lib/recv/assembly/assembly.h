// SPDX-License-Identifier: Apache-2.0
// Puts heaps together from packets. Knows neither readers nor threads: packets go in, heaps that are
// done with come out, in the order in which they were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include <spead2/recv/config.h>
#include <spead2/recv/heap.h>
#include <spead2/wire/packet.h>

#include "../log/log_book.h"
#include "copy.h"
#include "heap_recycler.h"
#include "item_pointers.h"
#include "next_packet.h"
#include "partial_heap.h"
#include "placer.h"

namespace spead2::recv {

class assembly {
public:
    /// \param stats  where to count, indexed by stat_index
    /// \param to     has the payload in place of heaps, if not null
    /// \throw std::bad_alloc for more heaps than there can be
    assembly(const stream_config& config, std::uint64_t* stats, log_book& log,
             placer* to = nullptr);

    /// Take a packet. It appends to finished() at most two heaps.
    /// \return false if the placer says later; nothing has changed then
    [[nodiscard]] bool add(const packet_view& p) {
        if (last_ != nullptr && goes_on(*last_, p)) {
            ++stats_[stat_index::packets];
            ++stats_[stat_index::search_dist];
            append(*last_, p);
            if (last_ != nullptr) expect_after(*last_, p);
            return true;
        }
        return add_any(p);
    }
    /// Bytes of the packet that will probably come next; 0: nobody knows.
    [[nodiscard]] std::size_t expected() const noexcept { return next_.size(); }
    /// Take packets as long as they are what was expected: the same as add() for each, for less.
    /// \tparam Packets  see packet_runs.h \return whether there was any; expected() is not 0
    template <typename Packets>
    [[nodiscard]] bool add_expected(Packets& packets);
    /// Before the packets that were added go, and heaps that are finished: others may see all payload.
    void end_run() noexcept {
        if (placer_ != nullptr)
            placer_->copies().finish();
        else if (nontemporal_)
            end_nontemporal();
    }
    /// Packets of this size probably lie behind a packet: those that are far away will be needed soon.
    void look_ahead(const std::uint8_t* packet, std::size_t size) const noexcept {
        if (placer_ == nullptr) return;
        constexpr std::size_t packets = deferred_copies::most / 2;
        constexpr std::size_t line = 64;
        __builtin_prefetch(packet + packets * size);
        __builtin_prefetch(packet + packets * size + line);
    }
    /// Give out everything that is there, as far as it has come.
    void flush();

    [[nodiscard]] std::vector<heap_ptr>& finished() noexcept { return finished_; }
    /// A stop item has come; no packet is to follow.
    [[nodiscard]] bool stop_seen() const noexcept { return stop_seen_; }

private:
    enum class outcome : std::uint8_t {
        placed,
        dropped,  ///< the packet
        lost,     ///< the heap, for want of memory
    };
    enum class reason : std::uint8_t { evicted, flushed };

    /// Whether a packet does what nearly all do: go on where the one before it in the heap ended, and
    /// have nothing but payload, or item pointers that are of no interest.
    [[nodiscard]] bool goes_on(const partial_heap& h, const packet_view& p) const noexcept {
        return plain_ && h.cnt == p.heap_cnt && h.received == p.payload_offset &&
               p.payload_offset != 0 && h.length == p.heap_length &&
               (p.first_item == p.n_pointers || (p.ordinary && placer_ != nullptr)) &&
               h.address_bits == p.heap_address_bits &&
               p.payload_offset + p.payload_length <= h.capacity && !h.odd;
    }
    void append(partial_heap& h, const packet_view& p) {
        if (place_payload(h, p)) {
            copy_deferred();
            copy_plain(h.base + p.payload_offset, p.payload,
                       static_cast<std::size_t>(p.payload_length));
        }
        h.received = h.end = p.payload_offset + p.payload_length;
        if (h.complete()) finish(h);
    }
    /// Whether the payload of a packet is wanted; it is marked as being there then.
    [[nodiscard]] bool place_payload(const partial_heap& h, const packet_view& p) const noexcept {
        if (placer_ == nullptr) return true;
        if (!placer_->wants(h.placed)) return false;
        if (h.placed.unit != 0) h.placed.mark(p.payload_offset, p.payload_length);
        return true;
    }
    void copy_plain(std::uint8_t* to, const std::uint8_t* from, std::size_t n) const noexcept {
        if (nontemporal_)
            copy_nontemporal(to, from, n);
        else
            copy_payload(to, from, n);
    }
    /// Payload comes to memory in the order of packets.
    void copy_deferred() const noexcept {
        if (placer_ != nullptr) placer_->copies().copy();
    }
    /// A packet of the heap, which is not complete, has come: what will the next one be?
    void expect_after(const partial_heap& h, const packet_view& p) noexcept;
    [[nodiscard]] bool add_any(const packet_view& p);
    void add_single(const packet_view& p);
    [[nodiscard]] bool place_single(const packet_view& p);
    [[nodiscard]] bool add_whole(const packet_view& p);
    [[nodiscard]] bool begin(const packet_view& p);
    void go_on(partial_heap& h, const packet_view& p);
    [[nodiscard]] bool fits(partial_heap& h, const packet_view& p);
    [[nodiscard]] outcome take_payload(partial_heap& h, const packet_view& p);
    [[nodiscard]] bool reserve(partial_heap& h, std::uint64_t needed, const packet_view& p);
    void copy(std::uint8_t* base, const packet_view& p) const;
    void note_stop(const pointer_facts& facts) noexcept {
        if (facts.stop && stop_on_stop_item_) stop_seen_ = true;
    }
    /// The same where nothing of the pointers is kept.
    [[nodiscard]] bool is_stop(const packet_view& p) const noexcept;
    void add_pointers(partial_heap& h, const packet_view& p);
    void accept(partial_heap& h, const packet_view& p);
    void finish(partial_heap& h);
    void emit(partial_heap& h, reason why);
    void remove(partial_heap& h) noexcept;

    [[nodiscard]] std::size_t substream_of(std::uint64_t cnt) const noexcept {
        return substreams_ == 1 ? 0 : static_cast<std::size_t>(cnt % substreams_);
    }
    /// The next slot for a heap of this cnt, after whoever had it has been given out.
    [[nodiscard]] std::size_t take_slot(std::uint64_t cnt);
    [[nodiscard]] partial_heap& new_partial();
    [[nodiscard]] bool accepts_size(const packet_view& p);
    void log_no_memory(const packet_view& p, std::uint64_t bytes);

    struct freed {
        void operator()(void* data) const noexcept {
            std::free(data);  // NOLINT(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory)
        }
    };
    template <typename T>
    using zeroed = std::unique_ptr<T[], freed>;
    template <typename T>
    static zeroed<T> allocate_zeroed(std::size_t n);

    // From the configuration.
    const std::size_t max_heaps_;
    const std::size_t substreams_;
    const std::uint64_t max_heap_size_;
    const bool allow_out_of_order_;
    const bool allow_unsized_heaps_;
    const bool stop_on_stop_item_;
    const bool nontemporal_;
    const bool plain_;  ///< packets in order, no function that puts payload in its place
    const bool ordinary_memory_;
    const unsigned bug_compat_;
    const scatter_function scatter_;
    const std::shared_ptr<memory_allocator> allocator_;

    std::uint64_t* const stats_;
    log_book& log_;
    placer* const placer_;
    const std::shared_ptr<heap_recycler> recycler_ = std::make_shared<heap_recycler>();

    partial_heap* last_ = nullptr;   ///< of the packet before; nearly always of the next one too
    next_packet next_;               ///< of that heap, if one is expected
    std::uint64_t next_offset_ = 0;  ///< where the payload of the packet before ends
    heap_index index_;
    // Zeroed memory that is not written to takes nothing, however many heaps there may be.
    zeroed<partial_heap*> slots_;  ///< max_heaps a substream, each a ring; null: not partial
    zeroed<std::size_t> heads_;    ///< of each substream, the slot to take next
    std::size_t n_partial_ = 0;
    std::vector<std::unique_ptr<partial_heap>> partials_;  ///< all there ever were
    std::vector<partial_heap*> free_partials_;
    std::vector<heap_ptr> finished_;
    bool stop_seen_ = false;
};

}  // namespace spead2::recv
