// SPDX-License-Identifier: Apache-2.0
// Heaps and how to send them: once, or again and again as a list that keeps their packets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <spead2/send/heap.h>

namespace spead2::send {

class heap_group;

/// A heap to send and how.
struct heap_reference {
    std::shared_ptr<const heap_contents> contents;
    std::int64_t cnt = -1;            ///< negative: next of the stream's sequence
    std::size_t substream_index = 0;  ///< below stream::num_substreams()
    double rate = -1.0;               ///< bytes per second; 0: no limit; negative: the stream's
};

/// A heap_reference to what a heap holds when it is queued.
struct listed_heap {
    const heap* source;  ///< null: the contents do not change
    /// Of the source when this was made. As long as they are still the heap's, whoever keeps this
    /// alive need not count references to them.
    std::shared_ptr<const heap_contents> contents;
    std::int64_t cnt = -1;
    std::size_t substream_index = 0;
    double rate = -1.0;

    /// Whether the source still has the contents.
    [[nodiscard]] bool as_it_was() const noexcept {
        return source == nullptr || &source->view() == contents.get();
    }
};

/// Heaps that are sent together, mostly more than once. From the second time on that a list is
/// queued for one max_packet_size, the packets of heaps that need only one each are kept: only heap
/// cnts, and values that are small enough to be copied beside the header, are written anew.
///
/// Several threads may queue one at once, but not while it changes; that it is being sent does not
/// hinder changes.
class heap_list {
public:
    heap_list() noexcept;
    heap_list(heap_list&&) noexcept;
    heap_list& operator=(heap_list&&) noexcept;
    ~heap_list();

    void reserve(std::size_t heaps) { heaps_.reserve(heaps); }
    /// Add what a heap holds now.
    void add(heap_reference reference);
    /// Add what \a h will hold whenever the list is queued; \a h must live as long as the list.
    void add(const heap& h, std::int64_t cnt = -1, std::size_t substream_index = 0,
             double rate = -1.0);
    void add(listed_heap h);

    [[nodiscard]] std::size_t size() const noexcept { return heaps_.size(); }
    [[nodiscard]] const std::vector<listed_heap>& heaps() const noexcept { return heaps_; }

private:
    friend class heap_group;
    /// Let a group have the packets of all heaps. \return false if they are not kept, or not free
    [[nodiscard]] bool give_packets(heap_group& group, std::size_t max_packet_size);

    std::vector<listed_heap> heaps_;
    bool changing_ = false;  ///< some have a source
    struct packets;
    std::unique_ptr<packets> packets_;
};

}  // namespace spead2::send
