# SPDX-License-Identifier: GPL-3.0-or-later
"""How much blocks and the scheduler hand over at a time: each time wakes a thread."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from gnuradio import gr
from gnuradio import spead2 as heaps
from loop import Heaps, Loop

import spead2
import spead2.send

MEGABYTE = 1 << 20
SAMPLES = heaps.item(0x1000, "samples", "", "complex64")


class Rooms(gr.sync_block):
    """Puts out nothing, but remembers the room that it was first asked to fill."""

    def __init__(self) -> None:
        super().__init__("rooms", None, [np.complex64])
        self.first = 0

    def work(self, input_items: Any, output_items: Any) -> int:
        self.first = len(output_items[0])
        return -1  # done; a gateway of GNU Radio 3.10 does not know gr.WORK_DONE


@pytest.mark.parametrize(
    ("rate", "samples_per_heap", "at_least", "at_most"),
    [
        (0.0, 8192, MEGABYTE // 2, MEGABYTE),
        (0.0, 2000, 128_000, 256_000),  # sixteen heaps
        (0.0, 100, 0, 65536),  # as without the block, so that tags of small heaps do not pile up
        (0.0, 300_000, 4_800_000, 9_600_000),  # four heaps
        (1e9, 8192, MEGABYTE // 2, MEGABYTE),
        (1e6, 8192, 2 * 65536, 4 * 65536),  # a lead of four heaps, 0.26 s
    ],
)
def test_a_sink_asks_for_room_for_many_heaps_unless_it_is_slow(
    rate: float, samples_per_heap: int, at_least: int, at_most: int
) -> None:
    stream = spead2.send.InprocStream(
        spead2.ThreadPool(), [spead2.InprocQueue()], spead2.send.StreamConfig(rate=rate)
    )
    rooms = Rooms()
    top = gr.top_block()
    top.connect(rooms, heaps.heap_sink(stream, SAMPLES, samples_per_heap=samples_per_heap))
    top.run()
    assert at_least <= rooms.first * SAMPLES.size <= at_most


class Behind(gr.sync_block):
    """Waits in its first call, and remembers what there was at its second."""

    def __init__(self) -> None:
        super().__init__("behind", [np.complex64], None)
        self.go = threading.Event()
        self.found: list[int] = []

    def work(self, input_items: Any, output_items: Any) -> int:
        self.go.wait(60)
        self.found.append(len(input_items[0]))
        return len(input_items[0])


def test_a_source_fills_a_buffer_of_many_heaps_while_the_block_behind_is_busy() -> None:
    loop = Loop(ring_heaps=64)
    sender = Heaps(loop, x=np.zeros(1000, np.complex64))
    for _ in range(2 * MEGABYTE // 8000):
        sender.send(x=np.zeros(1000, np.complex64))
    sender.end()
    item = heaps.item(0x1000, "x", "", "complex64")
    block = heaps.heap_source(loop.receiver, item)
    behind = Behind()
    top = gr.top_block()
    top.connect(block, behind)
    top.start()
    # The source stops when its buffer is full, and then does not go on.
    while block.bytes_received() < MEGABYTE // 2:
        behind.go.wait(0.001)
    behind.go.set()
    top.wait()
    assert sum(behind.found) == 2 * MEGABYTE // 8000 * 1000
    assert max(behind.found) * item.size >= MEGABYTE // 4
