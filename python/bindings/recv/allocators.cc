// SPDX-License-Identifier: Apache-2.0
// MemoryAllocator, MmapAllocator and MemoryPool.
#include <memory>

#include <spead2/recv/allocator.h>
#include <spead2/runtime/thread_pool.h>

#include "bindings.h"
#include "bound_types.h"
#include "support/arguments.h"

namespace spead2::python {
namespace {

using allocator_ptr = std::shared_ptr<recv::memory_allocator>;

std::shared_ptr<recv::memory_pool> make_pool(const std::shared_ptr<thread_pool>& threads,
                                             const py::object& lower, const py::object& upper,
                                             const py::object& max_free, const py::object& initial,
                                             const py::object& low_water,
                                             const allocator_ptr& allocator) {
    recv::memory_pool_options options;
    options.lower = to_integer<std::size_t>(lower, "lower");
    options.upper = to_integer<std::size_t>(upper, "upper");
    options.max_free = to_integer<std::size_t>(max_free, "max_free");
    options.initial = to_integer<std::size_t>(initial, "initial");
    options.low_water = to_integer<std::size_t>(low_water, "low_water");
    options.refill = threads;
    options.allocator = allocator;
    const gil_release released;
    return make_shared_without_gil<recv::memory_pool>(options);
}

void register_pool(py::module_& m) {
    auto bound =
        py::class_<recv::memory_pool, recv::memory_allocator, std::shared_ptr<recv::memory_pool>>(
            m, "MemoryPool",
            R"(Blocks of one size that are used again and again for heaps.

Heaps outside the limits have memory of the allocator below. With `thread_pool`, new blocks are
made in its threads, up to `initial`, when fewer than `low_water` are free.

Parameters
----------
thread_pool : ThreadPool
    May be left out, then `low_water` is, too.
lower, upper : int
    Bytes of the smallest and largest heaps that the pool serves. Blocks have `upper` bytes.
max_free : int
    Free blocks that are kept at most.
initial : int
    Blocks that are made at once.
low_water : int
    See above.
allocator : MemoryAllocator, optional
    Where blocks come from.

Raises
------
MemoryError
    If the initial blocks cannot be had.
)");
    bound
        .def(py::init([](const py::object& lower, const py::object& upper,
                         const py::object& max_free, const py::object& initial,
                         const allocator_ptr& allocator) {
                 return make_pool(nullptr, lower, upper, max_free, initial, py::int_(0), allocator);
             }),
             py::arg("lower"), py::arg("upper"), py::arg("max_free"), py::arg("initial"),
             py::arg("allocator") = py::none())
        .def(py::init([](const std::shared_ptr<thread_pool>& threads, const py::object& lower,
                         const py::object& upper, const py::object& max_free,
                         const py::object& initial, const py::object& low_water,
                         const allocator_ptr& allocator) {
                 return make_pool(threads, lower, upper, max_free, initial, low_water, allocator);
             }),
             py::arg("thread_pool").none(false), py::arg("lower"), py::arg("upper"),
             py::arg("max_free"), py::arg("initial"), py::arg("low_water"),
             py::arg("allocator") = py::none())
        .def_property("warn_on_empty", &recv::memory_pool::warn_on_empty,
                      &recv::memory_pool::set_warn_on_empty,
                      "Whether a request that finds no free block is logged as a warning.");
    set_module(bound, "spead2");
}

}  // namespace

void register_allocators(py::module_& m) {
    auto base = py::class_<recv::memory_allocator, allocator_ptr>(
        m, "MemoryAllocator",
        "Where heaps have their memory from. This one gives ordinary memory.");
    base.def(py::init([] { return make_shared_without_gil<recv::memory_allocator>(); }));
    set_module(base, "spead2");
    auto mapped = py::class_<recv::mmap_allocator, recv::memory_allocator,
                             std::shared_ptr<recv::mmap_allocator>>(m, "MmapAllocator",
                                                                    R"(Memory from mmap(2).

Parameters
----------
flags : int
    Of mmap, beside MAP_ANONYMOUS and MAP_PRIVATE.
prefer_huge : bool
    Take huge pages where there are any, else ordinary ones.
)");
    mapped.def(py::init([](int flags, bool prefer_huge) {
                   return make_shared_without_gil<recv::mmap_allocator>(flags, prefer_huge);
               }),
               py::arg("flags").noconvert() = 0, py::arg("prefer_huge") = false);
    set_module(mapped, "spead2");
    register_pool(m);
}

}  // namespace spead2::python
