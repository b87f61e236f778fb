// SPDX-License-Identifier: Apache-2.0
// Which bytes of a heap have come, when its packets may come in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace spead2::recv {

/// Pieces that do not touch each other. A packet that goes on where the one before it ended costs the
/// same however many there are; others cost a look-up in a tree.
class payload_ranges {
public:
    enum class result : std::uint8_t {
        added,
        duplicate,  ///< begins in a piece that is there
        overlaps,   ///< begins outside of all pieces, but runs into one
        too_many,   ///< would be one piece more than there can be
    };

    payload_ranges() = default;
    payload_ranges(const payload_ranges&) = delete;
    payload_ranges& operator=(const payload_ranges&) = delete;

    /// Add [begin, end), unless it is not to be added.
    [[nodiscard]] result add(std::uint64_t begin, std::uint64_t end);
    /// Where the piece after the one that was added to last begins, if that one ends at \a end; else
    /// \a end.
    [[nodiscard]] std::uint64_t gap_end(std::uint64_t end) const noexcept {
        if (last_ == pieces_.end() || last_->second != end) return end;
        const auto after = std::next(last_);
        return after == pieces_.end() ? UINT64_MAX : after->first;
    }
    void clear() noexcept;
    [[nodiscard]] std::vector<std::pair<std::uint64_t, std::uint64_t>> list() const {
        return {pieces_.begin(), pieces_.end()};
    }

private:
    using tree = std::map<std::uint64_t, std::uint64_t>;

    /// Pieces that a heap may have beside one for each so many bytes: what many tiny packets that
    /// leave gaps cost must not be much more than what their sender pays.
    static constexpr std::size_t free_pieces = 4096;
    static constexpr std::uint64_t bytes_a_piece = 64;

    tree pieces_;  ///< begin to end
    tree::iterator last_ = pieces_.end();
    std::uint64_t received_ = 0;
};

}  // namespace spead2::recv
