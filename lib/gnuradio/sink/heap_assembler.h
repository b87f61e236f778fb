// SPDX-License-Identifier: GPL-3.0-or-later
// Puts a heap together: descriptors when they are due, scalars, references to the samples. All of it,
// or what this flowgraph has of heaps that several send.
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
#include "heap_share.h"

namespace gr::spead2 {

class heap_assembler {
public:
    /// \throw std::invalid_argument for IDs, names and types that make no heaps
    heap_assembler(heap_share share, const sink_options& options, bool variable_length,
                   std::size_t num_substreams);

    [[nodiscard]] const std::vector<sample_format>& formats() const noexcept { return formats_; }
    [[nodiscard]] std::vector<scalar_track>& scalars() noexcept { return scalars_; }
    /// The tag of "tag:KEY", if that is the rule.
    [[nodiscard]] std::optional<scalar_track>& substream_tag() noexcept { return substream_tag_; }

    [[nodiscard]] const heap_share& share() const noexcept { return share_; }

    /// \throw std::invalid_argument  where several flowgraphs send heaps: all must have the same
    void set_descriptor_interval(std::uint64_t heaps);
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

    /// A heap of the samples [start, start + length), before which \a missing samples never came.
    struct samples {
        std::uint64_t start;
        std::uint64_t length;
        std::uint64_t missing = 0;
    };

    /// The substream of the next heap; nothing if the tag names none.
    [[nodiscard]] std::optional<std::size_t> substream(const samples& of);
    /// Which heap of those that several flowgraphs send, from 0: by time, so that all agree.
    [[nodiscard]] std::uint64_t number(const samples& of) const noexcept {
        return (of.start + of.missing) / share_.own_samples();
    }

    /// Make the heap, or this flowgraph's part. \a payload[i] is where the samples of port i lie;
    /// \a group keeps what is made here.
    [[nodiscard]] engine::send::heap assemble(sink_heap& group, std::size_t substream,
                                              const samples& of,
                                              const std::vector<const std::uint8_t*>& payload);

private:
    using bytes = std::shared_ptr<const std::vector<std::uint8_t>>;
    struct substream_state {
        std::uint64_t heaps = 0;
        engine::send::descriptor_schedule descriptors;
    };
    [[nodiscard]] std::optional<std::int64_t> interval() const noexcept;
    [[nodiscard]] bool descriptors_due(substream_state& state) const;
    void add_encoded(const engine::descriptor& d);
    void check_scalar(const scalar_track& s) const;
    [[nodiscard]] bool is_immediate(const scalar_track& s) const noexcept;
    /// What does not fit the item pointer is kept in memory of the group.
    void add_scalar(engine::send::heap& h, sink_heap& group, const scalar_track& s,
                    encoded_scalar value) const;
    [[nodiscard]] engine::send::heap assemble_part(sink_heap& group, const samples& of,
                                                   const std::vector<const std::uint8_t*>& payload);

    const heap_share share_;
    const std::vector<item>& items_;
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
