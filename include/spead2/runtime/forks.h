// SPDX-License-Identifier: Apache-2.0
// Tells whether what was made with threads has been carried over a fork(), where its threads, and
// whatever they held, are lost.
#pragma once

#include <cstdint>

namespace spead2 {

/// A number that is another one in the child of each fork(). What remembers the number it was made
/// with, and finds another, must not touch its threads and locks any more.
[[nodiscard]] std::uint64_t fork_count() noexcept;

}  // namespace spead2
