// SPDX-License-Identifier: GPL-3.0-or-later
// heap_source: copies samples from heaps to where the scheduler wants them, and says in tags what it
// knows of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gnuradio/spead2/heap_source.h>

#include "source_core.h"
#include "value_tags.h"

namespace gr::spead2 {

// The interface is for users, the core is shared: neither knows the other but by the interface.
// NOLINTNEXTLINE(misc-multiple-inheritance)
class heap_source_impl final : public heap_source, public source_core {
public:
    heap_source_impl(receiver stream, const std::vector<item>& items,
                     const heap_source_options& options);
    ~heap_source_impl() override;

    bool start() override;
    bool stop() override;
    int general_work(int noutput_items, gr_vector_int& ninput_items,
                     gr_vector_const_void_star& input_items,
                     gr_vector_void_star& output_items) override;

private:
    /// Have a heap, or samples to fill in. \return whether there are
    [[nodiscard]] bool find_samples(bool wait);
    /// What is missing before the heap.
    void note_lost();
    /// Put out samples of the heap. \return how many
    std::uint64_t copy(std::uint64_t room, const gr_vector_void_star& out);
    std::uint64_t fill(std::uint64_t room, const gr_vector_void_star& out);
    void tag_heap();
    void tag_length(std::uint64_t length);
    void tag_all(const pmt::pmt_t& key, const pmt::pmt_t& value);
    void keep_last();

    const heap_source_options options_;
    const pmt::pmt_t length_key_;  ///< null: none
    const pmt::pmt_t lost_key_;
    value_tags values_;
    std::vector<std::vector<std::uint8_t>> filling_;  ///< a sample of each port
    std::optional<ordered_heap> heap_;                ///< that is being put out
    std::uint64_t copied_ = 0;                        ///< samples of it
    std::uint64_t to_fill_ = 0;                       ///< samples before it
    std::uint64_t piece_ = 0;                         ///< of those, up to the next length tag
    std::uint64_t length_ = 0;                        ///< of the heap before
    std::uint64_t position_ = 0;                      ///< number of the next sample
    bool gap_ = false;                                ///< the flowgraph was locked
    bool stopped_ = false;
};

}  // namespace gr::spead2
