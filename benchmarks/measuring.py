# SPDX-License-Identifier: Apache-2.0
"""What the cases have in common: they are registered, timed or counted, and send to the sinks."""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import time
from collections.abc import Iterator
from typing import Any, Callable

import numpy as np

import spead2
import spead2.send

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
    """Make a stream to the sinks, one substream each; some by a thread of real time."""
    priority = {"priority": args.priority} if args.priority and not is_reference() else {}
    return spead2.send.UdpStream(
        spead2.ThreadPool(**priority), endpoints(args), config=make_config(args, **config)
    )


def is_reference() -> bool:
    """Whether this interpreter's spead2 lacks what this package has beyond the reference."""
    return not hasattr(spead2.send.StreamConfig, "turn_packets")
