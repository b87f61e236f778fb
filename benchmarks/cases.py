# SPDX-License-Identifier: Apache-2.0
"""What is measured of a package, one case a process.

Run by ``benchmarks/run`` and ``benchmarks/draw`` with the interpreter of the environment whose
``spead2`` is meant; uses only what this package and the reference package have in common. Prints
one line of JSON: the ``value`` in operations or bytes per second, and ``cpu``, the processor
seconds (all threads, user and system) per operation or byte; with ``--repetitions`` only the
``amount``, for profilers and for counting instructions.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Callable

import numpy as np
import receiving
from harness import heaps_in_turn

import spead2
import spead2.send
import spead2.send.asyncio

CASES: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {}


def case(function: Callable[[argparse.Namespace], dict[str, float]]) -> Any:
    """Make a function a case under its own name."""
    CASES[function.__name__] = function
    return function


def cpu_seconds() -> float:
    """Processor time of this process until now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def counted() -> Iterator[None]:
    """Mark what ``benchmarks/instructions`` counts, by system calls that nobody else makes."""
    os.getpgid(0)
    yield
    os.getsid(0)


def timed(step: Callable[[], int], args: argparse.Namespace) -> dict[str, float]:
    """Call `step`, which returns how much it did, for ``args.seconds`` after a warm-up."""
    amount = 0
    if args.repetitions is not None:
        step()
        with counted():
            for _ in range(args.repetitions):
                amount += step()
        return {"amount": amount}
    start = now = time.perf_counter()
    while now < start + min(0.1, args.seconds / 3):
        step()
        now = time.perf_counter()
    cpu = cpu_seconds()
    start = now = time.perf_counter()
    while now < start + args.seconds:
        amount += step()
        now = time.perf_counter()
    return {"value": amount / (now - start), "cpu": (cpu_seconds() - cpu) / amount}


def make_heap(size: int, value: Any = None) -> Any:
    """Make a heap of one item of so many bytes, without a descriptor."""
    group = spead2.send.ItemGroup()
    value = np.ones(size, np.uint8) if value is None else value
    group.add_item(0x1000, "data", "Payload", shape=(size,), dtype=np.uint8, value=value)
    return group.get_heap(descriptors="none")


def make_heaps(size: int, count: int) -> list[Any]:
    """Make heaps whose memory is one piece, as the limit's: most of it then is in huge pages."""
    memory = np.ones(size * count, np.uint8)
    return [make_heap(size, part) for part in np.split(memory, count)]


def make_config(args: argparse.Namespace, **more: Any) -> Any:
    """Make the configuration of the stream of a case."""
    return spead2.send.StreamConfig(max_packet_size=args.packet_size, **more)


def endpoints(args: argparse.Namespace) -> list[tuple[str, int]]:
    """Return the sinks."""
    return [("127.0.0.1", port) for port in args.port]


def udp_stream(args: argparse.Namespace, **config: Any) -> Any:
    """Make a stream to the sinks, one substream each."""
    return spead2.send.UdpStream(
        spead2.ThreadPool(), endpoints(args), config=make_config(args, **config)
    )


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
    n = len(args.port)
    stream = udp_stream(args, max_heaps=n)
    references = spead2.send.HeapReferenceList(
        [spead2.send.HeapReference(make_heap(args.heap_size), substream_index=i) for i in range(n)]
    )
    mode = spead2.send.GroupMode.ROUND_ROBIN
    return timed(lambda: stream.send_heaps(references, mode), args)


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


@case
def version(_: argparse.Namespace) -> dict[str, Any]:
    """Say what this environment has."""
    return {
        "spead2": spead2.__version__,
        "numpy": np.__version__,
        "python": sys.version.split()[0],
    }


receiving.add_cases(case, timed)


def main() -> None:
    """Run one case."""
    parser = argparse.ArgumentParser(description="Measure one case with this interpreter's spead2.")
    parser.add_argument("case", choices=sorted(CASES))
    parser.add_argument("--seconds", type=float, default=0.3, help="time to measure for")
    parser.add_argument(
        "--repetitions", type=int, help="do it so often instead, without looking at a clock"
    )
    parser.add_argument("--packet-size", type=int, default=1472, help="bytes")
    parser.add_argument("--heap-size", type=int, default=4 << 20, help="bytes of payload")
    parser.add_argument("--count", type=int, default=256, help="heaps in a group or in flight")
    parser.add_argument("--ring", type=int, default=64, help="heaps in a receiver's ring")
    parser.add_argument("--rate", type=float, default=0.0, help="bytes per second")
    parser.add_argument("--port", type=int, nargs="*", default=[], help="the sinks, on this host")
    args = parser.parse_args()
    print(json.dumps(CASES[args.case](args)), flush=True)
    # Not a measurement of how a package takes leave: the reference can hang there.
    os._exit(0)


if __name__ == "__main__":
    main()
