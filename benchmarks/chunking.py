# SPDX-License-Identifier: Apache-2.0
"""The cases of ``cases.py`` that receive into chunks, with a place function in C; or a capture.

Heaps go to chunks of :data:`CHUNK` bytes, of which there are :data:`CHUNKS`, by their number.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import functools
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from receiving import WARM_UP, Timed, free_port, huge_array, make_packets_of

import spead2
import spead2.recv
import spead2.send

CHUNK, CHUNKS = 8 << 20, 8
#: What ``benchmarks/run`` makes.
CAPTURE = Path(__file__).resolve().parent.parent / "build" / "benchmarks" / "capture.pcap"

NUMBER = 0x1600
HEAP_CNT = 1

SOURCE = r"""
#include <stddef.h>
#include <stdint.h>

struct place_data {
    const uint8_t *packet;
    size_t packet_size;
    const int64_t *items;
    int64_t chunk_id;
    size_t heap_index;
    size_t heap_offset;
};

void place(void *d, size_t size, void *heap_size)
{
    struct place_data *data = d;
    const size_t heap = *(const size_t *) heap_size, heaps = %d / heap;
    (void) size;
    if (data->items[0] < 0) return;
    data->chunk_id = data->items[0] / heaps;
    data->heap_index = data->items[0] %% heaps;
    data->heap_offset = data->heap_index * heap;
}
"""


@functools.cache
def compiled() -> Any:
    """Compile the place function."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "place.c"), Path(folder, "place.so")
        source.write_text(SOURCE % CHUNK)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        return ctypes.CDLL(str(library)).place


def make_config(item: int, heap_size: int) -> Any:
    """Make the configuration of a chunk stream."""
    python = ctypes.pythonapi
    python.PyCapsule_New.restype = ctypes.py_object
    python.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    python.PyCapsule_SetContext.argtypes = [ctypes.py_object, ctypes.c_void_p]
    name = ctypes.create_string_buffer(b"void (void *, size_t, void *)")
    size = ctypes.c_size_t(heap_size)
    function = compiled()
    capsule = python.PyCapsule_New(ctypes.cast(function, ctypes.c_void_p), name, None)
    python.PyCapsule_SetContext(capsule, ctypes.addressof(size))
    # All that the capsule points to is kept with it.
    place = (capsule, name, size, function)
    return spead2.recv.ChunkStreamConfig(items=[item], max_chunks=2, place=place)


class Chunks:
    """Memory of chunks that is used again and again, by one stream after another."""

    def __init__(self, heap_size: int, item: int) -> None:
        self._memory = [huge_array(CHUNK) for _ in range(CHUNKS)]
        for memory in self._memory:
            memory[:] = 1
        self._flags = [np.zeros(CHUNK // heap_size, np.uint8) for _ in range(CHUNKS)]
        self._config = make_config(item, heap_size)
        self._pool = spead2.ThreadPool()

    def stream(self) -> Any:
        """Make a stream that fills them."""
        stream = spead2.recv.ChunkRingStream(
            self._pool,
            spead2.recv.StreamConfig(),
            self._config,
            spead2.recv.ChunkRingbuffer(CHUNKS),
            spead2.recv.ChunkRingbuffer(CHUNKS),
        )
        for data, present in zip(self._memory, self._flags):
            stream.add_free_chunk(spead2.recv.Chunk(data=data, present=present))
        return stream


def numbered_heaps(size: int, count: int) -> list[Any]:
    """Make heaps of one array, with their number."""
    group = spead2.send.ItemGroup()
    data = np.ones(size, np.uint8)
    group.add_item(NUMBER, "number", "", (), format=[("u", 40)])
    group.add_item(0x1000, "data", "", data.shape, data.dtype, value=data)
    heaps = []
    for number in range(count):
        group["number"].value = number
        heaps.append(group.get_heap(descriptors="none", data="all"))
    return heaps


def add_cases(case: Callable[[Any], Any], timed: Timed) -> None:
    """Add the cases."""

    @case
    def recv_chunks(args: argparse.Namespace) -> dict[str, float]:
        """Bytes of payload that go from memory to chunks."""
        heaps = numbered_heaps(args.heap_size, args.count)
        memory = make_packets_of(heaps, args.packet_size)
        chunks = Chunks(args.heap_size, NUMBER)

        def step() -> int:
            stream = chunks.stream()
            stream.add_buffer_reader(memory)
            found = 0
            for chunk in stream.data_ringbuffer:
                found += int(np.count_nonzero(chunk.present))
                stream.add_free_chunk(chunk)
            assert found == len(heaps)
            return found * args.heap_size

        return timed(step, args)

    @case
    def recv_udp_chunks(args: argparse.Namespace) -> dict[str, float]:
        """Bytes of payload that go to chunks, over UDP."""
        stream = Chunks(args.heap_size, HEAP_CNT).stream()
        port = free_port(socket.SOCK_DGRAM)
        stream.add_udp_reader(port, bind_hostname="127.0.0.1")
        print(port, flush=True)

        def take() -> int:
            chunk = stream.data_ringbuffer.get()
            heaps = int(np.count_nonzero(chunk.present))
            stream.add_free_chunk(chunk)
            return heaps * args.heap_size

        take()
        end = time.perf_counter() + WARM_UP
        while time.perf_counter() < end:
            take()
        amount = 0
        cpu = time.process_time()
        start = now = time.perf_counter()
        while now < start + args.seconds:
            amount += take()
            now = time.perf_counter()
        return {"value": amount / (now - start), "cpu": (time.process_time() - cpu) / amount}

    @case
    def recv_capture(args: argparse.Namespace) -> dict[str, float]:
        """Bytes of payload in a capture file."""
        pool = spead2.ThreadPool()

        def step() -> int:
            stream = spead2.recv.Stream(pool, ring_config=spead2.recv.RingStreamConfig(heaps=64))
            stream.add_udp_pcap_file_reader(str(CAPTURE))
            return args.heap_size * sum(1 for _ in stream)

        return timed(step, args)


def make_capture(heap_size: int, packet_size: int, size: int) -> None:
    """Write a capture of about so many bytes."""
    part = CAPTURE.with_suffix(".part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    stream = spead2.send.PcapStream(
        spead2.ThreadPool(),
        str(part),
        [("127.0.0.1", 8888)],
        spead2.send.StreamConfig(max_packet_size=packet_size),
    )
    group = spead2.send.ItemGroup()
    data = np.ones(heap_size, np.uint8)
    group.add_item(0x1000, "data", "", data.shape, data.dtype, value=data)
    heap = group.get_heap(descriptors="none", data="all")
    for _ in range(size // heap_size):
        stream.send_heap(heap)
    del stream
    part.rename(CAPTURE)
