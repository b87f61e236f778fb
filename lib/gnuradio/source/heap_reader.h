// SPDX-License-Identifier: GPL-3.0-or-later
// Takes a heap apart: which of its items are whose samples, and which are values. Keeps what
// descriptors say from heap to heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gnuradio/spead2/item.h>
#include <gnuradio/spead2/source_options.h>

#include <spead2/recv/heap.h>

#include "common/sample_format.h"
#include "common/scalars.h"
#include "item_layout.h"

namespace gr::spead2 {

/// A heap as the sources need it. Everything refers to memory of \a heap.
struct source_heap {
    /// Samples of one item.
    struct piece {
        const std::uint8_t* data = nullptr;
        std::size_t unit = 1;  ///< bytes that are turned round together; 1: none
    };
    struct value {
        const scalar_item* scalar;  ///< null: nothing was said about the item
        std::shared_ptr<const item_layout> layout;
        const engine::recv::raw_item* raw;
    };
    engine::recv::heap_ptr heap;
    std::vector<piece> pieces;  ///< one an item, unless length is 0
    std::uint64_t length = 0;   ///< samples; 0: it has none
    std::vector<value> values;
    std::uint64_t place = 0;   ///< the counter, or the cnt
    unsigned place_bits = 64;  ///< it wraps beyond
};

class heap_reader {
public:
    enum class verdict : std::uint8_t { good, undescribed, bad };
    struct result {
        verdict what = verdict::good;
        std::string problem{};  ///< of one that is not good
        source_heap heap{};
    };

    /// \throw std::invalid_argument for items that do not go together
    heap_reader(const std::vector<item>& items, const source_options& options);

    [[nodiscard]] const std::vector<sample_format>& formats() const noexcept { return formats_; }
    [[nodiscard]] const std::vector<scalar_track>& scalars() const noexcept { return scalars_; }
    /// The counter that tells where heaps belong; null: their cnts do.
    [[nodiscard]] const scalar_item* counter() const noexcept { return counter_; }

    [[nodiscard]] result read(engine::recv::heap_ptr heap);

private:
    using layout_ptr = std::shared_ptr<const item_layout>;

    /// \return what contradicts the ports; empty: nothing
    [[nodiscard]] std::string learn(const engine::recv::heap& heap);
    [[nodiscard]] std::string contradiction(const item_layout& layout) const;
    /// Which item is which. \return what is wrong
    [[nodiscard]] std::string sort(result& r);
    [[nodiscard]] std::string measure(result& r);
    [[nodiscard]] std::string find_place(source_heap& h) const;

    const std::vector<item> items_;
    const bool other_items_;
    const undescribed_action undescribed_;
    std::vector<sample_format> formats_;
    std::vector<scalar_track> scalars_;
    const scalar_item* counter_ = nullptr;
    std::vector<layout_ptr> of_ports_;    ///< null: not described yet
    std::vector<layout_ptr> of_scalars_;  ///< never null
    std::map<std::uint64_t, layout_ptr> of_others_;
    std::vector<const engine::recv::raw_item*> samples_;  ///< of the heap that is being read
};

}  // namespace gr::spead2
