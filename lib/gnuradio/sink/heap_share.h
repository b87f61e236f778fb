// SPDX-License-Identifier: GPL-3.0-or-later
// What one flowgraph has of heaps that several send together. All work it out alike from the same
// options, so that none has to ask another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <gnuradio/spead2/item.h>
#include <gnuradio/spead2/sink_options.h>

#include <spead2/send/heap_part.h>
#include <spead2/wire/descriptor.h>

namespace gr::spead2 {

class heap_share {
public:
    /// An item of the whole heap.
    struct shared_item {
        engine::descriptor described;       ///< as receivers see it
        std::uint64_t length = 0;           ///< bytes
        std::uint64_t root_bytes = 0;       ///< those that rank 0 holds
        std::optional<std::size_t> port{};  ///< where its samples come in; none: elsewhere
        engine::send::item_blocks held{};   ///< without the memory
    };

    /// A heap that one flowgraph sends.
    explicit heap_share(std::vector<item> items) : own_items_(std::move(items)) {}
    /// \throw std::invalid_argument  for options that make no sense together
    heap_share(const std::vector<item>& items, const heap_sink_options& options);

    /// Whether nobody else has part in the heaps.
    [[nodiscard]] bool is_whole() const noexcept { return size_ == 1; }
    /// Whether this flowgraph sends what is sent once: item pointers, descriptors, single values,
    /// start and end.
    [[nodiscard]] bool is_root() const noexcept { return rank_ == 0; }
    /// Which packets of this flowgraph have the item pointers.
    [[nodiscard]] engine::send::part_pointers pointers() const noexcept { return pointers_; }
    [[nodiscard]] const std::vector<shared_item>& items() const noexcept { return items_; }
    /// Samples of a heap, all flowgraphs' together.
    [[nodiscard]] std::uint64_t whole_samples() const noexcept { return whole_samples_; }

    /// What comes in at the ports, as a sink that sends whole heaps has it.
    [[nodiscard]] const std::vector<item>& own_items() const noexcept { return own_items_; }
    /// Samples of a heap that come in here.
    [[nodiscard]] std::uint64_t own_samples() const noexcept { return own_samples_; }

private:
    void add_owned(const item& i, std::uint64_t owner);
    void add_stacked(const item& i);
    void add_divided(const item& i, std::uint64_t axis);
    void check_length(const engine::flavour& flavour) const;

    std::uint64_t rank_ = 0;
    std::uint64_t size_ = 1;
    std::uint64_t whole_samples_ = 0;
    std::uint64_t own_samples_ = 0;
    engine::send::part_pointers pointers_ = engine::send::part_pointers::first;
    std::vector<shared_item> items_;
    std::vector<item> own_items_;
};

}  // namespace gr::spead2
