// SPDX-License-Identifier: Apache-2.0
// ChunkRingStream.
#include <spead2/recv/chunk_stream.h>

#include <memory>

#include "chunk.h"
#include "chunk_config.h"

namespace spead2::python {

using recv::chunk_ring;
using recv::chunk_ring_stream;

void register_recv_chunk_stream(py::module_& m) {
    auto bound = py::class_<chunk_ring_stream, recv::stream, recv::chunk_ring_pair,
                            std::shared_ptr<chunk_ring_stream>>(
        m, "ChunkRingStream",
        R"(Puts heaps into chunks, which it takes from one ring and gives to another.

Chunks go to the data ring in the order of their IDs. While there is no empty chunk, or no room for a
full one, nothing is received. When the stream ends by itself the data ring stops with the last
stream that puts chunks into it; :meth:`stop` stops both rings.

Has the statistics ``too_old_heaps`` and ``rejected_heaps``, after those of `config`.

Parameters
----------
thread_pool : ThreadPool
    Its threads receive. It is kept.
config : StreamConfig
    Is copied.
chunk_stream_config : ChunkStreamConfig
    Is copied.
data_ringbuffer, free_ringbuffer : ChunkRingbuffer
    May be shared with other streams.

Raises
------
ValueError
    If there is no place, or a statistic of `config` has the name of one of the stream's own.
)");
    bound.def(
        py::init([](const std::shared_ptr<thread_pool>& pool, const recv::stream_config& config,
                    const chunk_config& chunk_config, const std::shared_ptr<chunk_ring>& data,
                    const std::shared_ptr<chunk_ring>& free) {
            return make_shared_without_gil<chunk_ring_stream>(pool, config, chunk_config, data,
                                                              free);
        }),
        py::arg("thread_pool").none(false), py::arg("config") = recv::stream_config(),
        py::arg("chunk_stream_config"), py::arg("data_ringbuffer").none(false),
        py::arg("free_ringbuffer").none(false),
        // The same objects are given back, even of a class that was derived.
        py::keep_alive<1, 5>(), py::keep_alive<1, 6>());
    set_module(bound, "spead2.recv");
}

}  // namespace spead2::python
