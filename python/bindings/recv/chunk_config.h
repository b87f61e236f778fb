// SPDX-License-Identifier: Apache-2.0
// The configuration of chunk streams as Python has it.
#pragma once

#include <spead2/recv/chunk.h>

#include "bound_types.h"
#include "support/objects.h"

namespace spead2::python {

/// Knows what place was set from.
class chunk_config : public recv::chunk_stream_config {
public:
    kept_object place_object;
};

template <>
inline constexpr bool is_bound<chunk_config> = true;
template <>
inline constexpr bool is_bound<recv::placement_rule> = true;

}  // namespace spead2::python
