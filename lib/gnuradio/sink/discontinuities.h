// SPDX-License-Identifier: GPL-3.0-or-later
// Where the input does not go on as it was: a time that does not follow from the one before, another
// value that changed. What becomes of the heap that is being filled is left to the sink.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <pmt/pmt.h>

#include "common/pmt_time.h"

namespace gr::spead2 {

/// Positions are counted in samples since the flowgraph started, on all ports alike.
class discontinuities {
public:
    /// \param sample_rate  samples per second; 0: what tags "rx_rate" say
    /// \throw std::invalid_argument
    discontinuities(const std::vector<std::string>& keys, double sample_rate);

    /// Whether there are tags to look for.
    [[nodiscard]] bool wants_tags() const noexcept { return !keys_.empty(); }
    /// Forget what was read; \a position is where the input starts.
    void reset(std::uint64_t position);

    /// A tag was read; tags of other keys are passed over. On each port they come in order.
    /// \return what to tell the user; empty if the input goes on
    [[nodiscard]] std::string add(std::size_t port, std::uint64_t position, const pmt::pmt_t& key,
                                  const pmt::pmt_t& value);

    /// The first position within (\a start, \a end) from which on the input is new.
    [[nodiscard]] std::optional<std::uint64_t> within(std::uint64_t start, std::uint64_t end);

    /// Samples that are missing before \a position, as far as times say. Positions only grow.
    [[nodiscard]] std::uint64_t missing(std::uint64_t position);

private:
    struct last_value {
        pmt::pmt_t value;
        std::optional<tag_time> time;
        std::uint64_t position = 0;
    };
    struct gap {
        std::uint64_t position;
        std::uint64_t missing;  ///< of this and those before; modulo 2^64
    };

    [[nodiscard]] std::string add_time(std::size_t port, std::uint64_t position,
                                       const std::string& name, last_value& last,
                                       const tag_time& time);
    void set_rate(std::uint64_t position, double rate);

    std::vector<pmt::pmt_t> keys_;
    const pmt::pmt_t rate_key_;
    const double fixed_rate_;
    double rate_ = 0;
    std::uint64_t begin_ = 0;
    std::map<std::pair<std::size_t, std::size_t>, last_value> last_;  ///< of port and key
    std::optional<std::size_t> clock_port_;  ///< whose times say what is missing
    std::set<std::uint64_t> breaks_;
    std::deque<gap> gaps_;
    std::uint64_t missing_ = 0;  ///< of all gaps that were read
    std::uint64_t passed_ = 0;   ///< of those before the last position that was asked for
};

}  // namespace gr::spead2
