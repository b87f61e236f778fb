// SPDX-License-Identifier: Apache-2.0
// What all streams that fill chunks add to their configuration.
#pragma once

#include <spead2/recv/chunk.h>
#include <spead2/recv/config.h>

namespace spead2::recv {

/// \throw std::invalid_argument  there is no place function, or a statistic has the name of one of these
[[nodiscard]] stream_config with_chunk_stats(const stream_config& config,
                                             const chunk_stream_config& chunks);

}  // namespace spead2::recv
