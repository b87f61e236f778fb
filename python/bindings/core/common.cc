// SPDX-License-Identifier: Apache-2.0
// Flavour, ThreadPool and the numbers of the protocol.
#include "common.h"

#include <pybind11/operators.h>
#include <pybind11/stl.h>

#include <exception>
#include <limits>
#include <vector>

#include <spead2/runtime/thread_pool.h>
#include <spead2/wire/flavour.h>
#include <spead2/wire/protocol.h>

#include "bindings.h"
#include "support/arguments.h"

namespace spead2::python {
namespace {

void register_constants(py::module_& m) {
    m.attr("NULL_ID") = null_id;
    m.attr("HEAP_CNT_ID") = heap_cnt_id;
    m.attr("HEAP_LENGTH_ID") = heap_length_id;
    m.attr("PAYLOAD_OFFSET_ID") = payload_offset_id;
    m.attr("PAYLOAD_LENGTH_ID") = payload_length_id;
    m.attr("DESCRIPTOR_ID") = descriptor_id;
    m.attr("STREAM_CTRL_ID") = stream_ctrl_id;
    m.attr("DESCRIPTOR_NAME_ID") = descriptor_name_id;
    m.attr("DESCRIPTOR_DESCRIPTION_ID") = descriptor_description_id;
    m.attr("DESCRIPTOR_SHAPE_ID") = descriptor_shape_id;
    m.attr("DESCRIPTOR_FORMAT_ID") = descriptor_format_id;
    m.attr("DESCRIPTOR_ID_ID") = descriptor_id_id;
    m.attr("DESCRIPTOR_DTYPE_ID") = descriptor_dtype_id;
    m.attr("CTRL_STREAM_START") = ctrl_stream_start;
    m.attr("CTRL_DESCRIPTOR_REISSUE") = ctrl_descriptor_reissue;
    m.attr("CTRL_STREAM_STOP") = ctrl_stream_stop;
    m.attr("CTRL_DESCRIPTOR_UPDATE") = ctrl_descriptor_update;
    m.attr("BUG_COMPAT_DESCRIPTOR_WIDTHS") = bug_compat_descriptor_widths;
    m.attr("BUG_COMPAT_SHAPE_BIT_1") = bug_compat_shape_bit_1;
    m.attr("BUG_COMPAT_SWAP_ENDIAN") = bug_compat_swap_endian;
    m.attr("BUG_COMPAT_PYSPEAD_0_5_2") = bug_compat_pyspead_0_5_2;
    m.attr("FIRST_FREE_ID") = first_free_id;
    m.attr("MEMCPY_STD") = 0;
    m.attr("MEMCPY_NONTEMPORAL") = 1;
}

std::string describe(const flavour& f) {
    std::string text = "Flavour(" + std::to_string(f.version()) + ", " +
                       std::to_string(f.item_pointer_bits()) + ", " +
                       std::to_string(f.heap_address_bits());
    if (f.bug_compat() != 0) text += ", " + std::to_string(f.bug_compat());
    return text + ")";
}

void register_flavour(py::module_& m) {
    auto bound = py::class_<flavour>(
        m, "Flavour",
        R"(How the 64 bits of an item pointer are divided, and which old bugs to repeat.

Immutable; flavours compare equal by value.

Parameters
----------
version : int
    Protocol version, must be 4.
item_pointer_bits : int
    Bits of an item pointer, must be 64.
heap_address_bits : int
    Bits of a heap address: a multiple of 8, from 8 to 56.
bug_compat : int
    Sum of the ``BUG_COMPAT_*`` constants; 0 for none.

Raises
------
ValueError
    If an argument is out of range.
)");
    bound.def(py::init<>())
        .def(py::init([](int version, int item_pointer_bits, int heap_address_bits,
                         const py::object& bug_compat) {
                 const auto bugs = to_integer<std::uint64_t>(bug_compat, "bug_compat");
                 if (bugs > std::numeric_limits<unsigned>::max())
                     throw py::type_error("bug_compat must be an integer of 32 bits, not " +
                                          std::to_string(bugs));
                 return flavour(version, item_pointer_bits, heap_address_bits,
                                static_cast<unsigned>(bugs));
             }),
             py::arg("version").noconvert(), py::arg("item_pointer_bits").noconvert(),
             py::arg("heap_address_bits").noconvert(),
             py::arg("bug_compat") = 0)
        .def(py::self == py::self)  // NOLINT(misc-redundant-expression)
        .def(py::self != py::self)  // NOLINT(misc-redundant-expression)
        .def("__hash__",
             [](const flavour& f) {
                 return py::hash(py::make_tuple(f.heap_address_bits(), f.bug_compat()));
             })
        .def("__repr__", &describe)
        .def(py::pickle(
            [](const flavour& f) {
                return py::make_tuple(f.version(), f.item_pointer_bits(), f.heap_address_bits(),
                                      f.bug_compat());
            },
            [](const py::tuple& state) {
                return flavour(state[0].cast<int>(), state[1].cast<int>(), state[2].cast<int>(),
                               state[3].cast<unsigned>());
            }))
        .def_property_readonly("version", &flavour::version, "Protocol version: 4.")
        .def_property_readonly("item_pointer_bits", &flavour::item_pointer_bits,
                               "Bits of an item pointer: 64.")
        .def_property_readonly("heap_address_bits", &flavour::heap_address_bits,
                               "Bits of a heap address.")
        .def_property_readonly("bug_compat", &flavour::bug_compat,
                               "Sum of the ``BUG_COMPAT_*`` constants.");
    set_module(bound, "spead2");
}

void register_thread_pool(py::module_& m) {
    auto bound = py::class_<thread_pool, std::shared_ptr<thread_pool>>(
        m, "ThreadPool",
        R"(Threads that send the heaps of any number of streams.

Processes made with :func:`os.fork` cannot use the pools and streams of their parent: that is an
:exc:`OSError`.

Parameters
----------
threads : int
    How many threads to start, 1 to 4096.
affinity : list of int
    Cores to bind the threads to, cyclically; empty: not bound.
priority : int
    1 to 99: threads of real time (``SCHED_FIFO``), which run before all others of the machine
    whenever they have work. They then do all the sending of the pool's streams, that of blocking
    calls too, so that pacing holds on a busy machine. 0: threads like others. See the manual's
    page on tuning for what it costs.

Raises
------
ValueError
    If `threads`, a core number or `priority` is out of range.
OSError
    If a thread cannot be bound to its core, or may not have the priority (``PermissionError``: it
    takes ``CAP_SYS_NICE`` or ``RLIMIT_RTPRIO``).
)");
    bound
        .def(py::init([](int threads, const std::vector<int>& affinity, int priority) {
                 return make_shared_without_gil<thread_pool>(threads, affinity, priority);
             }),
             py::arg("threads").noconvert() = 1, py::arg("affinity") = std::vector<int>(),
             py::kw_only(), py::arg("priority").noconvert() = 0)
        .def(
            "stop",
            [](thread_pool& pool) {
                const gil_release released;
                pool.stop();
            },
            R"(End the threads. Heaps that are still queued fail with OSError (ECANCELED).

Harmless when repeated.
)")
        .def_static("set_affinity", &thread_pool::set_affinity, py::arg("core").noconvert(),
                    R"(Bind the calling thread to a core.

Parameters
----------
core : int
    Number of the core, from 0.

Raises
------
ValueError
    If there can be no such core.
OSError
    If the operating system refuses.
)")
        .def("__repr__", [](const thread_pool& pool) {
            return "<spead2.ThreadPool with " + std::to_string(pool.size()) +
                   (pool.size() == 1 ? " thread>" : " threads>");
        });
    set_module(bound, "spead2");
}

}  // namespace

bool to_flavour(PyObject* object, flavour& f) noexcept {
    py::detail::make_caster<flavour> caster;
    try {
        if (caster.load(object, false)) {
            if (const auto* const value = static_cast<flavour*>(caster)) {
                f = *value;
                return true;
            }
        }
    } catch (const std::exception&) {
        // Not initialised.
    }
    set_error(PyExc_TypeError, "flavour must be a Flavour, not %R", object);
    return false;
}

void register_common(py::module_& m) {
    register_constants(m);
    register_flavour(m);
    register_thread_pool(m);
}

}  // namespace spead2::python
