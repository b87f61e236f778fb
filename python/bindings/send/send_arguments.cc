// SPDX-License-Identifier: Apache-2.0
#include "send_arguments.h"

#include "enums.h"
#include "support/arguments.h"

namespace spead2::python {
namespace {

/// Null or None is 0: those of the stream's configuration.
bool to_turn_packets(PyObject* object, std::size_t& packets) noexcept {
    packets = 0;
    if (object == nullptr || object == Py_None) return true;
    if (!to_integer(object, "turn_packets", packets)) return false;
    if (packets != 0) return true;
    set_error(PyExc_ValueError, "turn_packets is 0, but must be at least 1");
    return false;
}

}  // namespace

bool to_sent_heap(const std::array<PyObject*, 4>& values, sent_heap& sent) noexcept {
    sent.object = to_heap(values[0]);
    return sent.object != nullptr &&
           (values[1] == nullptr || to_integer(values[1], "cnt", sent.cnt)) &&
           (values[2] == nullptr ||
            to_integer(values[2], "substream_index", sent.substream_index)) &&
           (values[3] == nullptr || to_rate(values[3], sent.rate));
}

bool to_sent_heap(const char* function, PyObject* const* args, Py_ssize_t n_args,
                  PyObject* keywords, sent_heap& sent) noexcept {
    if (n_args == 1 && keywords == nullptr) {  // nearly always
        sent.object = to_heap(args[0]);
        return sent.object != nullptr;
    }
    std::array<PyObject*, 4> values;
    return sort_arguments(function, sent_heap_arguments, 1, 4, args, n_args, keywords, values) &&
           to_sent_heap(values, sent);
}

bool to_sent_heaps(const char* function, PyObject* const* args, Py_ssize_t n_args,
                   PyObject* keywords, sent_heaps& sent) noexcept {
    static constexpr std::array<const char*, 3> names{"heaps", "mode", "turn_packets"};
    std::array<PyObject*, 3> values;
    if (!sort_arguments(function, names, 2, 2, args, n_args, keywords, values)) return false;
    sent.heaps = values[0];
    return to_group_mode(values[1], sent.mode) && to_turn_packets(values[2], sent.turn_packets);
}

std::system_error no_heaps() {
    return {std::make_error_code(std::errc::invalid_argument),
            "heaps is empty, but needs at least one HeapReference"};
}

}  // namespace spead2::python
