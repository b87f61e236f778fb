// SPDX-License-Identifier: Apache-2.0
// The parts of the extension module: each function adds the names of one source file.
#pragma once

#include "support/python.h"

namespace spead2::python {

void register_runtime(py::module_& m);         // logging, release of objects, exceptions
void register_common(py::module_& m);          // Flavour, ThreadPool, constants
void register_config(py::module_& m);          // StreamConfig and the enumerations
void register_heap(py::module_& m);            // Heap
void register_heap_reference(py::module_& m);  // HeapReference
void register_heap_reference_list(py::module_& m);
void register_heap_part(py::module_& m);  // more of Heap
void register_heap_pointer_order(py::module_& m);
void register_item(py::module_& m);            // bases of Descriptor and Item
void register_encode();                        // bytes of values and descriptions
void register_raw_descriptor(py::module_& m);  // RawDescriptor
void register_decode(py::module_& m);          // values from received bytes
void register_update(py::module_& m);          // item groups from received heaps
void register_allocators(py::module_& m);      // MemoryAllocator and those derived from it
void register_receiving(py::module_& m);       // the module recv
void register_descriptor_schedule(py::module_& m);
void register_heap_generator(py::module_& m);  // base of HeapGenerator
void register_pack(py::module_& m);            // bit by bit
void register_packet_generator(py::module_& m);
void register_stream(py::module_& m);          // Stream, SyncStream
void register_asyncio_stream(py::module_& m);  // AsyncStream
void register_inproc_queue(py::module_& m);    // InprocQueue
void register_transports(py::module_& m);      // the modules streams and asyncio_streams

}  // namespace spead2::python
