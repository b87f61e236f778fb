// SPDX-License-Identifier: Apache-2.0
// Chunks whose memory belongs to Python objects, on their way from Python into a ring and back.
#pragma once

#include <spead2/recv/chunk.h>
#include <spead2/recv/chunk_ring.h>

#include <cstdint>
#include <memory>
#include <span>

#include "bound_types.h"
#include "support/objects.h"

namespace spead2::python {

/// Writable memory of a Python object.
struct chunk_buffer {
    kept_object object;  ///< null: not set
    kept_object view;    ///< memoryview of it
    std::span<std::uint8_t> bytes;
};

/// What the class Chunk is bound from. While the chunk is in a ring its buffers are there, too.
struct chunk_object {
    std::int64_t chunk_id = -1;
    std::uint64_t stream_id = 0;
    chunk_buffer data;
    chunk_buffer present;
    chunk_buffer extra;
};

template <>
inline constexpr bool is_bound<chunk_object> = true;
template <>
inline constexpr bool is_bound<recv::chunk_ring> = true;
template <std::derived_from<recv::chunk_ring_pair> T>
requires(!std::derived_from<T, recv::stream>) inline constexpr bool is_bound<T> = true;

/// Move a chunk's buffers out of its Python object, which goes with them.
/// \throw ValueError  data or present are not set
[[nodiscard]] std::unique_ptr<recv::chunk> leave_python(chunk_object& object);
/// Move them back. \return the Python object
py::object enter_python(std::unique_ptr<recv::chunk> chunk);

/// Put what may have been left of a failed attempt back where it came from.
class chunk_on_its_way {
public:
    explicit chunk_on_its_way(chunk_object& object) : chunk(leave_python(object)) {}
    chunk_on_its_way(const chunk_on_its_way&) = delete;
    chunk_on_its_way& operator=(const chunk_on_its_way&) = delete;
    ~chunk_on_its_way() {
        if (chunk) static_cast<void>(enter_python(std::move(chunk)));
    }
    std::unique_ptr<recv::chunk> chunk;
};

}  // namespace spead2::python
