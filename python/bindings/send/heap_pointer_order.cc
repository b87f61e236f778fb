// SPDX-License-Identifier: Apache-2.0
// The methods of Heap for chosen item pointers in a fixed order.
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "bindings.h"
#include "heap.h"
#include "support/arguments.h"
#include "support/extension_type.h"
#include "support/objects.h"

namespace spead2::python {
namespace {

PyObject* set_pointer_order(PyObject* self, PyObject* const* args, Py_ssize_t n_args,
                            PyObject* keywords) {
    static constexpr std::array<const char*, 2> names{"ids", "missing_ok"};
    std::array<PyObject*, 2> values;
    if (!sort_arguments("set_pointer_order", names, 1, 1, args, n_args, keywords, values))
        return nullptr;
    return none_unless_thrown([&] {
        const auto sequence =
            py::reinterpret_steal<py::object>(run_python<PySequence_Tuple>(values[0]));
        if (!sequence) throw py::error_already_set();
        const bool missing_ok = values[1] != nullptr && is_true(values[1]);
        std::vector<std::uint64_t> ids;
        const Py_ssize_t n = PyTuple_GET_SIZE(sequence.ptr());
        for (Py_ssize_t i = 0; i < n; ++i)
            ids.push_back(
                to_integer<std::uint64_t>(PyTuple_GET_ITEM(sequence.ptr(), i), "ids[...]"));
        heap_of(self).set_pointer_order(std::move(ids), missing_ok);
    });
}

PyObject* pointer_order_property(PyObject* self, void*) {
    try {
        const auto now = heap_of(self).pointer_order();
        // A copy: making the tuple may collect garbage, which may run code that changes the heap.
        const std::vector<std::uint64_t> order(now.begin(), now.end());
        py::tuple ids(order.size());
        for (std::size_t i = 0; i < order.size(); ++i) ids[i] = order[i];
        return ids.release().ptr();
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

std::array<PyMethodDef, 1> pointer_order_methods{{
    {"set_pointer_order", method(set_pointer_order), METH_FASTCALL | METH_KEYWORDS,
     R"(set_pointer_order($self, ids, *, missing_ok=False)
--

Write exactly these item pointers, in this order, as some receivers in hardware want it.

Packets after the first have only the chosen ones of the four that SPEAD adds, unless pointers
are repeated. All item pointers must fit the first packet.

Parameters
----------
ids : iterable of int
    IDs of all items of the heap (one that several items have as many times; their order is not
    changed), and those of the four that SPEAD adds which are to be there: HEAP_CNT_ID,
    HEAP_LENGTH_ID, PAYLOAD_OFFSET_ID, PAYLOAD_LENGTH_ID. Without items that have payload, NULL_ID
    too. Empty: as SPEAD says.
missing_ok : bool
    The receiver does without the heap cnt, payload offset or payload length. Receivers that know
    only SPEAD drop such packets. (Without the heap length they cannot tell when a heap is
    complete, and keep it until newer ones push it out.)

Raises
------
ValueError
    If one of these three is missing and not `missing_ok`, or given twice. When the heap is sent:
    if `ids` are not those of the heap, or do not fit a packet.
)"},
}};

std::array<PyGetSetDef, 1> pointer_order_properties{{
    {"pointer_order", pointer_order_property, nullptr,
     "IDs of the item pointers as set_pointer_order() fixed them; empty: as SPEAD says.", nullptr},
}};

}  // namespace

void register_heap_pointer_order(py::module_& m) {
    add_methods(m.attr("Heap"), pointer_order_methods);
    add_properties(m.attr("Heap"), pointer_order_properties);
}

}  // namespace spead2::python
