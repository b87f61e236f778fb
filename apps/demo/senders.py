# SPDX-License-Identifier: Apache-2.0
"""The ways in which the demo sends: a loop over the Python API, or a GNU Radio flowgraph.

Each sends the heaps of a signal with items `timestamp` (number of the first sample) and `samples`,
then the end of the stream, and returns the bytes of packets sent.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from signals import Signal

Sender = Callable[[Signal, "tuple[str, int]", int, float, int, Callable[[int], None]], int]


def send_python(
    signal: Signal,
    endpoint: tuple[str, int],
    heap_samples: int,
    rate: float,
    packet_size: int,
    on_progress: Callable[[int], None],
) -> int:
    """Send from a Python loop. `rate` in bytes per second, `packet_size` in bytes."""
    import spead2.send

    stream = spead2.send.UdpStream(
        spead2.ThreadPool(),
        [endpoint],
        spead2.send.StreamConfig(rate=rate, max_packet_size=packet_size),
    )
    group = spead2.send.ItemGroup()
    group.add_item(0x1000, "timestamp", "Number of the first sample", (), format=[("u", 64)])
    group.add_item(
        0x1001, "samples", "Samples of the signal", (heap_samples,), dtype=signal.samples.dtype
    )
    sent = stream.send_heap(group.get_start())
    for first in range(0, len(signal.samples), heap_samples):
        heap = signal.samples[first : first + heap_samples]
        group["timestamp"].value = np.array(first, ">u8")
        group["samples"].value = heap
        sent += stream.send_heap(group.get_heap())
        on_progress((first + heap_samples) * signal.samples.itemsize)
    return sent + stream.send_heap(group.get_end())


def send_gnuradio(*args: Any) -> int:
    """Send from a GNU Radio flowgraph; see flowgraph.py."""
    from flowgraph import send_flowgraph

    return send_flowgraph(*args)


SENDERS: dict[str, Sender] = {"gnuradio": send_gnuradio, "python": send_python}


def available() -> list[str]:
    """Names of the senders that work here, the preferred one first."""
    if importlib.util.find_spec("gnuradio") is None:
        return ["python"]
    return list(SENDERS)
