// SPDX-License-Identifier: Apache-2.0
// The streams that there are, so that the end of the process does not lose their heaps in silence.
#pragma once

namespace spead2::send::detail {

class stream_core;

/// From now on until forget(), heaps that a stream still has when the process exits are told.
void remember(stream_core& stream);
void forget(stream_core& stream) noexcept;

}  // namespace spead2::send::detail
