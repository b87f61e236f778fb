// SPDX-License-Identifier: GPL-3.0-or-later
// Puts a heap together: descriptors when they are due, scalars, references to the samples.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <gnuradio/spead2/item.h>
#include <gnuradio/spead2/sink_options.h>

#include <spead2/send/descriptor_schedule.h>
#include <spead2/send/heap.h>
#include <spead2/wire/flavour.h>

#include "common/sample_format.h"
#include "common/scalars.h"
#include "heap_sender.h"

namespace gr::spead2 {

class heap_assembler {
public:
    /// \throw std::invalid_argument for IDs, names and types that make no heaps
    heap_assembler(const std::vector<item>& items, const sink_options& options,
                   bool variable_length, std::size_t num_substreams);

    [[nodiscard]] const std::vector<sample_format>& formats() const noexcept { return formats_; }
    [[nodiscard]] std::vector<scalar_track>& scalars() noexcept { return scalars_; }
    /// The tag of "tag:KEY", if that is the rule.
    [[nodiscard]] std::optional<scalar_track>& substream_tag() noexcept { return substream_tag_; }

    void set_descriptor_interval(std::uint64_t heaps) noexcept { interval_.store(heaps); }
    [[nodiscard]] std::uint64_t descriptor_interval() const noexcept { return interval_.load(); }

    /// \throw std::invalid_argument
    void set_descriptor_seconds(double seconds);
    [[nodiscard]] double descriptor_seconds() const noexcept { return seconds_.load(); }

    /// The flowgraph starts: no length, all descriptors due; no tags either, unless it \a resumes.
    void reset(bool resumes = false);
    /// The descriptors are due in the next heap of a substream.
    void describe_again(std::size_t substream) { substreams_[substream].descriptors = {}; }
    /// Length of the heaps, unless it is variable: at most once between reset()s.
    void set_length(std::uint64_t samples);
    /// 0: not known yet, or variable.
    [[nodiscard]] std::uint64_t length() const noexcept { return length_; }
    [[nodiscard]] bool variable_length() const noexcept { return variable_; }
    /// Most samples that a heap can have.
    [[nodiscard]] std::uint64_t max_samples() const noexcept { return max_samples_; }

    /// Forget values of tags before \a position that no heap will have; a heap from \a start on is
    /// still to come (or none, \a start being \a position).
    void settle(std::uint64_t start, std::uint64_t position);

    /// The substream of the next heap; nothing if the tag names none.
    [[nodiscard]] std::optional<std::size_t> substream(std::uint64_t start, std::uint64_t length);

    /// Make the heap of samples [start, start + length), before which \a missing samples never came.
    /// \a payload[i] is where the samples of item i lie; \a group keeps what is made here.
    [[nodiscard]] engine::send::heap assemble(sink_heap& group, std::size_t substream,
                                              std::uint64_t start, std::uint64_t length,
                                              const std::vector<const std::uint8_t*>& payload,
                                              std::uint64_t missing = 0);

private:
    using bytes = std::shared_ptr<const std::vector<std::uint8_t>>;
    struct substream_state {
        std::uint64_t heaps = 0;
        engine::send::descriptor_schedule descriptors;
    };
    [[nodiscard]] bool descriptors_due(substream_state& state) const;
    void add_encoded(const engine::descriptor& d);

    const std::vector<item> items_;
    const engine::flavour flavour_;
    const bool variable_;
    std::vector<sample_format> formats_;
    std::vector<scalar_track> scalars_;
    std::optional<scalar_track> substream_tag_;
    const substream_rule rule_;
    std::atomic<std::uint64_t> interval_;
    std::atomic<double> seconds_{0};
    std::uint64_t max_samples_ = 0;
    std::uint64_t length_ = 0;
    std::vector<bytes> descriptors_;  // encoded
    std::vector<substream_state> substreams_;
    std::size_t next_substream_ = 0;
};

}  // namespace gr::spead2
