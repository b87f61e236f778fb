# SPDX-License-Identifier: Apache-2.0
"""The cases of scale: what more heaps, substreams, items, threads, streams and hours cost."""

from __future__ import annotations

import argparse
import asyncio
import collections
import resource
import threading
import time
from typing import Any, Callable

import numpy as np
from measuring import case, cpu_seconds, endpoints, make_config, make_heap, timed, udp_stream

import spead2
import spead2.send
import spead2.send.asyncio


def as_group(stream: Any, references: list[Any], args: argparse.Namespace) -> dict[str, float]:
    """Packets: one list over and over; heaps of ``args.heap_size``."""
    group = spead2.send.HeapReferenceList(references)
    mode = spead2.send.GroupMode.SERIAL
    packets = -(-args.heap_size // (args.packet_size // 8 * 8 - 40)) * len(references)

    def step() -> int:
        stream.send_heaps(group, mode)
        return packets

    return timed(step, args)


@case
def depth(args: argparse.Namespace) -> dict[str, float]:
    """Packets: so many heaps in the queue at once."""
    heap = make_heap(args.heap_size)
    stream = udp_stream(args, max_heaps=args.count)
    return as_group(stream, [spead2.send.HeapReference(heap)] * args.count, args)


@case
def spread(args: argparse.Namespace) -> dict[str, float]:
    """Packets: 1024 heaps over so many substreams, one heap after another, all to one socket."""
    heap = make_heap(args.heap_size)
    args.port = args.port[:1] * args.count
    stream = udp_stream(args, max_heaps=1024)
    references = [
        spead2.send.HeapReference(heap, substream_index=i % args.count) for i in range(1024)
    ]
    return as_group(stream, references, args)


@case
def items(args: argparse.Namespace) -> dict[str, float]:
    """Heaps of so many arrays, made and sent; beside ``cpu`` there is ``first``, that of one array.

    What further items cost is the difference, so both take turns, that they see the same machine,
    and the best turn of each counts. With ``--repetitions`` heaps of so many only.
    """
    stream = udp_stream(args)

    def make_step(count: int) -> Callable[[], int]:
        group = spead2.send.ItemGroup()
        for i in range(count):
            group.add_item(
                0x1000 + i, f"item{i}", "", shape=(64,), dtype=np.uint8, value=np.ones(64, np.uint8)
            )
        group.get_heap()

        def step() -> int:
            stream.send_heap(group.get_heap(descriptors="none", data="all"))
            return 1

        return step

    if args.repetitions is not None:
        return timed(make_step(args.count), args)
    least: dict[int, float] = {}
    # (A turn is some milliseconds.)
    turns = {count: (make_step(count), max(8, 1000 // count)) for count in (1, args.count)}
    start = now = time.perf_counter()
    while now < start + args.seconds:
        for count, (step, heaps) in turns.items():
            before = time.process_time()
            for _ in range(heaps):
                step()
            cost = (time.process_time() - before) / heaps
            least[count] = min(cost, least.get(count, cost))
        now = time.perf_counter()
    return {"value": 1 / least[args.count], "cpu": least[args.count], "first": least[1]}


@case
def threads(args: argparse.Namespace) -> dict[str, float]:
    """Packets: so many threads, each with a stream of its own."""

    def work() -> None:
        heap = make_heap(args.heap_size)
        stream = udp_stream(args, max_heaps=16)
        results.append(as_group(stream, [spead2.send.HeapReference(heap)] * 16, args))

    results: list[dict[str, float]] = []
    cpu = cpu_seconds()
    start = time.perf_counter()
    workers = [threading.Thread(target=work) for _ in range(args.count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    # Every thread saw the processor time of all; what they did together is the fair divisor, and
    # warming up did as much a second as the rest.
    value = sum(result["value"] for result in results)
    took = time.perf_counter() - start
    return {"value": value, "cpu": (cpu_seconds() - cpu) / (value * took)}


@case
def creation(args: argparse.Namespace) -> dict[str, float]:
    """Streams: made and destroyed."""
    pool = spead2.ThreadPool()
    config = make_config(args)
    to = endpoints(args)

    def step() -> int:
        spead2.send.UdpStream(pool, to, config=config)
        return 1

    return timed(step, args)


@case
def memory(args: argparse.Namespace) -> dict[str, float]:
    """Bytes of resident memory after a tenth of the run and at its end; asyncio, new heaps."""

    def resident() -> int:
        with open("/proc/self/statm") as stream:
            return int(stream.read().split()[1]) * resource.getpagesize()

    async def run() -> dict[str, float]:
        stream = spead2.send.asyncio.UdpStream(
            spead2.ThreadPool(),
            endpoints(args),
            config=make_config(args, max_heaps=args.count),
        )
        pending: collections.deque[Any] = collections.deque()
        start = time.perf_counter()
        early = 0
        while (elapsed := time.perf_counter() - start) < args.seconds:
            if elapsed > args.seconds / 10 and early == 0:
                early = resident()
            for _ in range(256):
                if len(pending) >= args.count:
                    await pending.popleft()
                pending.append(stream.async_send_heap(make_heap(args.heap_size)))
        while pending:
            await pending.popleft()
        return {"value": early, "end": resident()}

    return asyncio.run(run())
