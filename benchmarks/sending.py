# SPDX-License-Identifier: Apache-2.0
"""The cases of sending: bytes, heaps and calls a second."""

from __future__ import annotations

import argparse
import asyncio
import collections
import time
from typing import Any, Callable

import numpy as np
from harness import heaps_in_turn
from measuring import (
    case,
    counted,
    cpu_seconds,
    endpoints,
    is_reference,
    make_config,
    make_heap,
    make_heaps,
    timed,
    udp_stream,
)

import spead2
import spead2.send
import spead2.send.asyncio


@case
def heaps(args: argparse.Namespace) -> dict[str, float]:
    """Bytes: different heaps in lists of references, as many as `heaps_in_turn` says."""
    count = heaps_in_turn(args.heap_size)
    stream = udp_stream(args, max_heaps=count)
    references = spead2.send.HeapReferenceList(
        [spead2.send.HeapReference(heap) for heap in make_heaps(args.heap_size, count)]
    )
    mode = spead2.send.GroupMode.SERIAL
    return timed(lambda: stream.send_heaps(references, mode), args)


@case
def groups(args: argparse.Namespace) -> dict[str, float]:
    """Heaps: groups of so many different ones, given as a Python list."""
    return send_group(args, list)


@case
def prepared_groups(args: argparse.Namespace) -> dict[str, float]:
    """Heaps: the same, the list converted once."""
    return send_group(args, spead2.send.HeapReferenceList)


def send_group(args: argparse.Namespace, convert: Callable[[list[Any]], Any]) -> dict[str, float]:
    """Heaps: one list of references over and over."""
    stream = udp_stream(args, max_heaps=args.count)
    references = convert(
        [spead2.send.HeapReference(make_heap(args.heap_size)) for _ in range(args.count)]
    )
    mode = spead2.send.GroupMode.SERIAL

    def step() -> int:
        stream.send_heaps(references, mode)
        return args.count  # type: ignore[no-any-return]

    return timed(step, args)


@case
def substreams(args: argparse.Namespace) -> dict[str, float]:
    """Bytes: groups of one heap a substream, packets in turn."""
    return in_turn(args)


def in_turn(args: argparse.Namespace, **option: int) -> dict[str, float]:
    """Bytes: groups of one heap a substream, with an option of `send_heaps`."""
    n = len(args.port)
    stream = udp_stream(args, max_heaps=n)
    references = spead2.send.HeapReferenceList(
        [spead2.send.HeapReference(make_heap(args.heap_size), substream_index=i) for i in range(n)]
    )
    mode = spead2.send.GroupMode.ROUND_ROBIN
    return timed(lambda: stream.send_heaps(references, mode, **option), args)


@case
def turns(args: argparse.Namespace) -> dict[str, float]:
    """Bytes: the same, so many packets of a heap in its turn; one where there is no option."""
    return in_turn(args, **({} if is_reference() else {"turn_packets": args.count}))


@case
def blocking(args: argparse.Namespace) -> dict[str, float]:
    """Heaps: one a call."""
    heap = make_heap(args.heap_size)
    stream = udp_stream(args)

    def step() -> int:
        for _ in range(64):
            stream.send_heap(heap)
        return 64

    return timed(step, args)


@case
def script(args: argparse.Namespace) -> dict[str, float]:
    """Heaps: set a timestamp and an array, make a heap of them, send it."""
    group = spead2.send.ItemGroup()
    timestamp = group.add_item(
        0x1600, "timestamp", "Number of the first sample", shape=(), format=[("u", 48)]
    )
    samples = group.add_item(0x3300, "samples", "Samples", shape=(args.heap_size,), dtype=np.uint8)
    values = np.ones(args.heap_size, np.uint8)
    stream = udp_stream(args)
    number = 0

    def step() -> int:
        nonlocal number
        for _ in range(64):
            timestamp.value = number
            samples.value = values
            stream.send_heap(group.get_heap())
            number += args.heap_size
        return 64

    return timed(step, args)


@case
def add_item(args: argparse.Namespace) -> dict[str, float]:
    """Items: added to a group, 1,000 alike."""
    names = [f"item{i}" for i in range(1000)]

    def step() -> int:
        group = spead2.send.ItemGroup()
        for i, name in enumerate(names, 0x1000):
            group.add_item(i, name, "Description", shape=(), dtype=np.uint32)
        return len(names)

    return timed(step, args)


@case
def get_heap(args: argparse.Namespace) -> dict[str, float]:
    """Heaps: made of eight changed items, four numbers and four arrays; not sent."""
    group = spead2.send.ItemGroup()
    values: list[Any] = [1, 2.5, 3, -4]
    items = [
        group.add_item(0x1600, "timestamp", "", shape=(), format=[("u", 48)]),
        group.add_item(0x1601, "gain", "", shape=(), dtype=np.float64),
        group.add_item(0x1602, "channel", "", shape=(), dtype=np.uint32),
        group.add_item(0x1603, "offset", "", shape=(), format=[("i", 16)]),
    ]
    for i, (dtype, size) in enumerate([("u1", 8192), ("<f4", 64), (">i2", 256), ("<c8", 128)]):
        items.append(group.add_item(0x3300 + i, f"array{i}", "", shape=(size,), dtype=dtype))
        values.append(np.ones(size, dtype))
    pairs = list(zip(items, values))
    clock = time.perf_counter
    took, count = 0.0, 0

    def step() -> int:
        nonlocal took, count
        for item, value in pairs:
            item.value = value
        before = clock()
        heap = group.get_heap()
        took += clock() - before
        count += 1
        del heap
        return 1

    result = timed(step, args)
    return result if "amount" in result else {"value": count / took, "cpu": took / count}


@case
def in_flight(args: argparse.Namespace) -> dict[str, float]:
    """Heaps: asyncio, waiting for the oldest as soon as so many are on their way."""

    async def run() -> dict[str, float]:
        stream = spead2.send.asyncio.UdpStream(
            spead2.ThreadPool(),
            endpoints(args),
            config=make_config(args, max_heaps=args.count),
        )
        heap = make_heap(args.heap_size)
        pending: collections.deque[Any] = collections.deque()
        result: dict[str, float] = {}
        if args.repetitions is not None:
            with counted():
                for _ in range(args.repetitions * args.count):
                    if len(pending) >= args.count:
                        await pending.popleft()
                    pending.append(stream.async_send_heap(heap))
                while pending:
                    await pending.popleft()
            return {"amount": args.repetitions * args.count}
        for seconds in (args.seconds / 3, args.seconds):
            count = 0
            cpu = cpu_seconds()
            start = now = time.perf_counter()
            while now < start + seconds:
                for _ in range(256):
                    if len(pending) >= args.count:
                        await pending.popleft()
                    pending.append(stream.async_send_heap(heap))
                count += 256
                now = time.perf_counter()
            result = {"value": count / (now - start), "cpu": (cpu_seconds() - cpu) / count}
        while pending:
            await pending.popleft()
        return result

    return asyncio.run(run())


@case
def tcp(args: argparse.Namespace) -> dict[str, float]:
    """Bytes: 4 MiB heaps in lists of references over TCP."""
    heap = make_heap(args.heap_size)
    stream = spead2.send.TcpStream(
        spead2.ThreadPool(), endpoints(args), config=make_config(args, max_heaps=4)
    )
    references = spead2.send.HeapReferenceList([spead2.send.HeapReference(heap)] * 4)
    mode = spead2.send.GroupMode.SERIAL
    return timed(lambda: stream.send_heaps(references, mode), args)


@case
def pacing(args: argparse.Namespace) -> dict[str, float]:
    """Bytes: at a rate, one list of heaps as long as the measurement."""
    heap = make_heap(args.heap_size)
    count = max(1, round(args.rate * args.seconds / args.heap_size))
    stream = udp_stream(args, max_heaps=count, rate=args.rate)
    references = spead2.send.HeapReferenceList([spead2.send.HeapReference(heap)] * count)
    cpu = cpu_seconds()
    start = time.perf_counter()
    sent = stream.send_heaps(references, spead2.send.GroupMode.SERIAL)
    took = time.perf_counter() - start
    return {"value": sent / took, "cpu": (cpu_seconds() - cpu) / sent, "bytes": sent}
