// SPDX-License-Identifier: Apache-2.0
// The classes of the receiving wing that are bound with pybind11, so that none of them is used
// before its constructor was run.
#pragma once

#include <concepts>
#include <memory>

#include <spead2/recv/allocator.h>
#include <spead2/recv/config.h>
#include <spead2/recv/stats.h>
#include <spead2/recv/stream.h>

#include "support/python.h"

namespace spead2::python {

template <std::derived_from<recv::stream> T>
inline constexpr bool is_bound<T> = true;
template <std::derived_from<recv::memory_allocator> T>
inline constexpr bool is_bound<T> = true;
template <>
inline constexpr bool is_bound<recv::stream_config> = true;
template <>
inline constexpr bool is_bound<recv::ring_stream_config> = true;
template <>
inline constexpr bool is_bound<recv::stream_stats> = true;
template <>
inline constexpr bool is_bound<recv::stream_stat_config> = true;

/// The module of the receiving wing's classes. Each function adds the names of one source file.
void register_recv_stats(py::module_& m);
void register_recv_config(py::module_& m);
void register_recv_heap(py::module_& m);
void register_recv_stream(py::module_& m);
void register_recv_ring_stream(py::module_& m, const py::object& empty);  // and spead2.Empty

void register_recv_chunk(py::module_& m);
void register_recv_chunk_ring(py::module_& m, const py::object& empty, const py::object& full);
void register_recv_chunk_config(py::module_& m);
void register_recv_chunk_stream(py::module_& m);
void register_recv_chunk_group(py::module_& m);
void register_recv_frame_capture(py::module_& m);

/// The enumeration of stat modes.
[[nodiscard]] py::object from_stat_mode(recv::stat_mode mode);
[[nodiscard]] recv::stat_mode to_stat_mode(const py::handle& object);

}  // namespace spead2::python
