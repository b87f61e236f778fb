# SPDX-License-Identifier: Apache-2.0
"""The cases of ``cases.py`` that receive.

From memory, so that nothing but receiving is measured: packets are made once; each step reads all
of them with a new stream. From a socket, with a C program on the other core that sends as fast as
it goes: a case prints its port, and measures from a while after the first heap on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import spead2
import spead2.recv
import spead2.recv.asyncio
import spead2.send

Step = Callable[[], int]
Timed = Callable[[Step, argparse.Namespace], "dict[str, float]"]

#: Bytes of packets that a step reads.
MEMORY = 64 << 20


def huge_array(size: int) -> np.ndarray[Any, Any]:
    """Return an array of bytes in huge pages, as what the limit copies from and to.

    numpy asks for them; but those that are not wholly within the array would be small ones.
    """
    huge = 2 << 20
    memory = np.empty((-(-size // huge) + 1) * huge, np.uint8)
    start = -memory.ctypes.data % huge
    return memory[start : start + size]


def make_packets_of(heaps: list[Any], packet_size: int) -> np.ndarray[Any, Any]:
    """Return the packets of heaps, back to back."""
    packets = [
        packet
        for cnt, heap in enumerate(heaps, 1)
        for packet in spead2.send.PacketGenerator(heap, cnt, packet_size)
    ]
    size = sum(map(len, packets))
    memory = huge_array(size)
    memory[:] = np.frombuffer(b"".join(packets), np.uint8)
    return memory


def make_packets(heap: Any, count: int, packet_size: int) -> np.ndarray[Any, Any]:
    """Return the packets of so many equal heaps, back to back."""
    return make_packets_of([heap] * count, packet_size)


def one_item(size: int) -> Any:
    """Make a heap of one item of so many bytes, without a descriptor."""
    group = spead2.send.ItemGroup()
    group.add_item(0x1000, "data", "", (size,), np.uint8, value=np.ones(size, np.uint8))
    return group.get_heap(descriptors="none")


def eight_items() -> spead2.send.ItemGroup:
    """Make a group of four numbers and four short arrays."""
    group = spead2.send.ItemGroup()
    for i in range(4):
        group.add_item(0x1000 + i, f"number {i}", "", (), format=[("u", 48)], value=i)
        group.add_item(
            0x2000 + i, f"array {i}", "", (16,), np.float32, value=np.arange(16, dtype=np.float32)
        )
    return group


def stream_of(kind: Any, memory: Any, pool: Any) -> Any:
    """Make a stream that reads from memory."""
    stream = kind(pool, ring_config=spead2.recv.RingStreamConfig(heaps=64))
    stream.add_buffer_reader(memory)
    return stream


#: Seconds from the first heap until measuring begins.
WARM_UP = 0.2


def free_port(kind: socket.SocketKind) -> int:
    """Return a port of this host that was free a moment ago."""
    with contextlib.closing(socket.socket(socket.AF_INET, kind)) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def from_socket(args: argparse.Namespace, kind: socket.SocketKind, worth: int) -> dict[str, float]:
    """Receive whole heaps from a socket, each counted as `worth`."""
    stream = spead2.recv.Stream(
        spead2.ThreadPool(), ring_config=spead2.recv.RingStreamConfig(heaps=args.ring)
    )
    port = free_port(kind)
    if kind == socket.SOCK_DGRAM:
        stream.add_udp_reader(port, bind_hostname="127.0.0.1")
    else:
        stream.add_tcp_reader(port, bind_hostname="127.0.0.1")
    print(port, flush=True)
    stream.get()
    end = time.perf_counter() + WARM_UP
    while time.perf_counter() < end:
        stream.get()
    heaps = 0
    cpu = time.process_time()
    start = now = time.perf_counter()
    while now < start + args.seconds:
        stream.get()
        heaps += 1
        now = time.perf_counter()
    amount = heaps * worth
    return {"value": amount / (now - start), "cpu": (time.process_time() - cpu) / amount}


def add_cases(case: Callable[[Any], Any], timed: Timed) -> None:
    """Add the cases."""

    @case
    def recv_bytes(args: argparse.Namespace) -> dict[str, float]:
        """Bytes of payload: ``for heap in stream``."""
        count = max(1, MEMORY // args.heap_size)
        memory = make_packets(one_item(args.heap_size), count, args.packet_size)
        pool = spead2.ThreadPool()

        def step() -> int:
            return args.heap_size * sum(1 for _ in stream_of(spead2.recv.Stream, memory, pool))

        return timed(step, args)

    @case
    def recv_heaps(args: argparse.Namespace) -> dict[str, float]:
        """Heaps of one packet: ``for heap in stream``."""
        memory = make_packets(one_item(args.heap_size), args.count, args.packet_size)
        pool = spead2.ThreadPool()
        return timed(lambda: sum(1 for _ in stream_of(spead2.recv.Stream, memory, pool)), args)

    @case
    def recv_update(args: argparse.Namespace) -> dict[str, float]:
        """Heaps of eight small items that an item group takes over."""
        sender = eight_items()
        group = spead2.ItemGroup()
        described = make_packets(sender.get_heap(descriptors="all", data="none"), 1, 1472)
        memory = make_packets(sender.get_heap(descriptors="none", data="all"), args.count, 1472)
        pool = spead2.ThreadPool()
        for heap in stream_of(spead2.recv.Stream, described, pool):
            group.update(heap)

        def step() -> int:
            heaps = 0
            for heap in stream_of(spead2.recv.Stream, memory, pool):
                heaps += len(group.update(heap)) == 8
            return heaps

        return timed(step, args)

    @case
    def recv_asyncio(args: argparse.Namespace) -> dict[str, float]:
        """Heaps of one packet: ``async for``."""
        memory = make_packets(one_item(args.heap_size), args.count, args.packet_size)
        pool = spead2.ThreadPool()
        loop = asyncio.new_event_loop()

        async def receive() -> int:
            heaps = 0
            async for _ in stream_of(spead2.recv.asyncio.Stream, memory, pool):
                heaps += 1
            return heaps

        return timed(lambda: loop.run_until_complete(receive()), args)

    @case
    def recv_udp(args: argparse.Namespace) -> dict[str, float]:
        """Bytes of payload in whole heaps, over UDP."""
        return from_socket(args, socket.SOCK_DGRAM, args.heap_size)

    @case
    def recv_udp_heaps(args: argparse.Namespace) -> dict[str, float]:
        """Whole heaps over UDP."""
        return from_socket(args, socket.SOCK_DGRAM, 1)

    @case
    def recv_tcp(args: argparse.Namespace) -> dict[str, float]:
        """Bytes of payload in whole heaps, over TCP."""
        return from_socket(args, socket.SOCK_STREAM, args.heap_size)
