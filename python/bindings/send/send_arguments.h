// SPDX-License-Identifier: Apache-2.0
// What the sending calls take, blocking or not: one heap and how to send it, which is also what a
// HeapReference is made of, or several. Their arguments are named, read and refused here only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include <spead2/send/stream.h>

#include "engine.h"
#include "heap.h"
#include "support/python.h"

namespace spead2::python {

/// One heap: (heap, cnt=-1, substream_index=0, rate=-1.0).
struct sent_heap {
    heap_object* object = nullptr;  ///< borrowed
    std::int64_t cnt = -1;
    std::size_t substream_index = 0;
    double rate = -1.0;
};
inline constexpr std::array<const char*, 4> sent_heap_arguments{"heap", "cnt", "substream_index",
                                                                "rate"};
/// \param values  as sort_arguments() leaves them; the first is not null
/// \return false with the Python error set
[[nodiscard]] bool to_sent_heap(const std::array<PyObject*, 4>& values, sent_heap& sent) noexcept;

/// Several: (heaps, mode, *, turn_packets=None).
struct sent_heaps {
    PyObject* heaps = nullptr;  ///< borrowed
    group_mode mode{};
    std::size_t turn_packets = 0;  ///< as heap_group::set_turn_packets() takes it
};

/// The same from the arguments of a METH_FASTCALL | METH_KEYWORDS function.
[[nodiscard]] bool to_sent_heap(const char* function, PyObject* const* args, Py_ssize_t n_args,
                                PyObject* keywords, sent_heap& sent) noexcept;
[[nodiscard]] bool to_sent_heaps(const char* function, PyObject* const* args, Py_ssize_t n_args,
                                 PyObject* keywords, sent_heaps& sent) noexcept;

/// Why a group without heaps is refused.
[[nodiscard]] std::system_error no_heaps();

}  // namespace spead2::python
