# SPDX-License-Identifier: Apache-2.0
"""The ways in which the demo sends: a loop over the Python API, or a GNU Radio flowgraph.

Each sends heaps with items `timestamp` (number of the first sample) and `samples`, then the end of
the stream.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from options import SENDERS as NAMES


@dataclasses.dataclass(frozen=True)
class Sent:
    """What went out, and how long that took from the first heap to the last."""

    packet_bytes: int
    seconds: float


Heaps = npt.NDArray[np.generic]  # one row each
Sender = Callable[[Heaps, "tuple[str, int]", float, int, Callable[[int], None]], Sent]


def send_python(
    heaps: Heaps,
    endpoint: tuple[str, int],
    rate: float,
    packet_size: int,
    on_progress: Callable[[int], None],
) -> Sent:
    """Send from a Python loop. `rate` in bytes per second, `packet_size` in bytes."""
    import spead2.send

    heap_samples = heaps.shape[1]
    stream = spead2.send.UdpStream(
        spead2.ThreadPool(),
        [endpoint],
        spead2.send.StreamConfig(rate=rate, max_packet_size=packet_size),
    )
    group = spead2.send.ItemGroup()
    group.add_item(0x1000, "timestamp", "Number of the first sample", (), format=[("u", 64)])
    group.add_item(0x1001, "samples", "Samples of the signal", (heap_samples,), dtype=heaps.dtype)
    start = time.monotonic()
    sent = stream.send_heap(group.get_start())
    for number, heap in enumerate(heaps):
        group["timestamp"].value = np.array(number * heap_samples, ">u8")
        group["samples"].value = heap
        sent += stream.send_heap(group.get_heap())
        on_progress((number + 1) * heap.nbytes)
    sent += stream.send_heap(group.get_end())
    return Sent(sent, time.monotonic() - start)


def send_gnuradio(*args: Any) -> Sent:
    """Send from a GNU Radio flowgraph; see flowgraph.py."""
    from flowgraph import send_flowgraph

    return send_flowgraph(*args)


SENDERS: dict[str, Sender] = dict(zip(NAMES, (send_gnuradio, send_python)))


def available() -> list[str]:
    """Names of the senders that work here, the preferred one first."""
    if importlib.util.find_spec("gnuradio") is None:
        return ["python"]
    return list(SENDERS)
