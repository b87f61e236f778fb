// SPDX-License-Identifier: GPL-3.0-or-later
// Where heaps begin and how long they are: by length tags, on which all ports have to agree, or by
// count. What becomes of samples that are in no heap is left to the sink.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <pmt/pmt.h>

namespace gr::spead2 {

/// Positions are counted in samples since the flowgraph started, on all ports alike.
class boundaries {
public:
    /// \param samples_per_heap  0: length tags
    boundaries(std::size_t ports, std::uint64_t samples_per_heap, std::string length_tag);

    /// What tags of the input are for this class; null where there are none.
    [[nodiscard]] const pmt::pmt_t& key() const noexcept { return key_; }
    /// Forget all tags.
    void reset();
    /// A length tag was read. On each port they come in order.
    void add(std::size_t port, std::uint64_t position, const pmt::pmt_t& value);

    struct found {
        std::uint64_t length = 0;  ///< 0: there is no heap here
        std::string problem;       ///< why; empty where it is a tag that is missing while skipping
        std::uint64_t next = 0;    ///< where to look next, or \a available
    };
    /// The heap that starts at \a position. \a length and \a max_length are what heaps have to have
    /// (0: any) and can have; \a skipping says that a tag may be missing here.
    [[nodiscard]] found at(std::uint64_t position, std::uint64_t available, std::uint64_t length,
                           std::uint64_t max_length, bool skipping);
    /// The heap at \a position is made: its tags are done with.
    void opened(std::uint64_t position);

    [[nodiscard]] bool has(std::uint64_t position) const;

    struct place {
        std::size_t port;
        std::uint64_t position;
    };
    /// The first length tag before \a end: within a heap there should be none.
    [[nodiscard]] std::optional<place> before(std::uint64_t end) const;

private:
    struct length_tag {
        std::uint64_t position;
        std::optional<std::uint64_t> length;  ///< nothing: no positive number
        std::string text;                     ///< of the value, where it is none
    };
    [[nodiscard]] std::string disagreement(std::uint64_t position, std::uint64_t& agreed) const;

    const std::uint64_t samples_per_heap_;
    const std::string name_;
    pmt::pmt_t key_;
    std::vector<std::deque<length_tag>> tags_;  // of each port
    bool any_ = false;                          ///< there was a tag
};

/// "on port 1 at sample 20"
[[nodiscard]] std::string at_sample(std::size_t port, std::uint64_t position);

}  // namespace gr::spead2
