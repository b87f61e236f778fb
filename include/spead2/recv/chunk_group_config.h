// SPDX-License-Identifier: Apache-2.0
// How the streams of a group fill chunks together.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spead2::recv {

/// What becomes of a chunk that one stream of a group has moved past and others have not.
enum class eviction_mode : std::uint8_t {
    lossy,     ///< it goes: what others still have for it is too old
    lossless,  ///< the stream waits until all others have moved past it, or ended
};

/// Values are checked when set; setters throw std::invalid_argument.
class chunk_group_config {
public:
    static constexpr std::size_t default_max_chunks = 2;

    /// Chunks that are filled at a time, by all streams together. At least 1.
    [[nodiscard]] std::size_t max_chunks() const noexcept { return max_chunks_; }
    chunk_group_config& set_max_chunks(std::size_t chunks);

    [[nodiscard]] eviction_mode eviction() const noexcept { return eviction_; }
    chunk_group_config& set_eviction(eviction_mode mode) noexcept;

private:
    std::size_t max_chunks_ = default_max_chunks;
    eviction_mode eviction_ = eviction_mode::lossy;
};

}  // namespace spead2::recv
