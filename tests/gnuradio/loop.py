# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream within the process whose other end is a source, and what came out of that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pmt
from gnuradio import blocks, gr
from gnuradio import spead2 as heaps

import spead2
import spead2.recv
import spead2.send

_SINKS = {
    "c8": blocks.vector_sink_c,
    "f4": blocks.vector_sink_f,
    "i4": blocks.vector_sink_i,
    "i2": blocks.vector_sink_s,
    "u1": blocks.vector_sink_b,
    "i1": blocks.vector_sink_b,
}


class Loop:
    """`sender` sends to `receiver`; packets wait in `queue` without limit."""

    def __init__(self, max_heaps: int = 4, ring_heaps: int = 4, **config: Any) -> None:
        self.queue = spead2.InprocQueue()
        self.sender = spead2.send.InprocStream(
            spead2.ThreadPool(),
            [self.queue],
            spead2.send.StreamConfig(max_packet_size=9000, max_heaps=1000),
        )
        self.config = spead2.recv.StreamConfig(max_heaps=max_heaps, **config)
        self.ring = spead2.recv.RingStreamConfig(heaps=ring_heaps)
        self._receiver: spead2.recv.Stream | None = None

    @property
    def receiver(self) -> spead2.recv.Stream:
        """Made when it is asked for: from then on it takes packets."""
        if self._receiver is None:
            self._receiver = spead2.recv.Stream(spead2.ThreadPool(), self.config, self.ring)
            self._receiver.add_inproc_reader(self.queue)
        return self._receiver

    def packets(self, *, without: tuple[int, ...] = (), order: list[int] | None = None) -> None:
        """Change what waits: leave some packets out, or put them in another order."""
        found = [self.queue.get_packet() for _ in range(self.queue_length())]
        kept = [p for i, p in enumerate(found) if i not in without]
        if order is not None:
            kept = [kept[i] for i in order]
        for packet in kept:
            self.queue.add_packet(bytes(packet))

    def queue_length(self) -> int:
        return self.queue.qsize()


class Heaps:
    """Sends heaps that are made by hand: one item of samples and single values beside it."""

    def __init__(self, loop: Loop, **items: Any) -> None:
        self.loop = loop
        self.group = spead2.send.ItemGroup()
        for number, (name, value) in enumerate(items.items()):
            if isinstance(value, dict):
                self.group.add_item(0x1000 + number, name, "", **value)
            else:
                array = np.asarray(value)
                self.group.add_item(0x1000 + number, name, "", shape=array.shape, dtype=array.dtype)

    def send(self, cnt: int | None = None, descriptors: str = "stale", **values: Any) -> None:
        for name, value in values.items():
            self.group[name].value = value
        heap = self.group.get_heap(descriptors=descriptors, data="all" if values else "none")
        self.loop.sender.send_heap(heap, **({} if cnt is None else {"cnt": cnt}))

    def start(self) -> None:
        self.loop.sender.send_heap(self.group.get_start())

    def end(self) -> None:
        self.loop.sender.send_heap(self.group.get_end())


class Output:
    """Keeps what a source puts out at each of its ports."""

    def __init__(self, top: gr.top_block, source: heaps.HeapSource, *items: heaps.Item) -> None:
        self.items = items
        self.sinks = []
        for port, item in enumerate(items):
            code = np.dtype(_code(item)).str[1:]
            length = item.size // np.dtype(code).itemsize
            sink = _SINKS[code](length)
            top.connect((source, port), sink)
            self.sinks.append(sink)

    def data(self, port: int = 0) -> np.ndarray:
        item = self.items[port]
        values = np.array(self.sinks[port].data())
        code = np.dtype(_code(item))
        if code == np.int8:
            values = values.astype(np.uint8)
        values = values.astype(np.uint8 if code == np.int8 else code).view(code)
        shape = (*item.shape, 2) if item.dtype in ("sc8", "sc16") else tuple(item.shape)
        return values.reshape(-1, *shape)

    def tags(self, key: str, port: int = 0) -> list[tuple[int, Any]]:
        """Offset and value of the tags with this key."""
        return [
            (tag.offset, plain(tag.value))
            for tag in self.sinks[port].tags()
            if pmt.symbol_to_string(tag.key) == key
        ]

    def keys(self, port: int = 0) -> set[str]:
        return {pmt.symbol_to_string(tag.key) for tag in self.sinks[port].tags()}


def plain(value: Any) -> Any:
    return pmt.to_python(value)


def _code(item: heaps.Item) -> str:
    names = {
        "complex": "c8",
        "float": "f4",
        "int": "i4",
        "short": "i2",
        "byte": "u1",
        "sc8": "i1",
        "sc16": "i2",
    }
    return names.get(item.dtype, item.dtype)


def receive(loop: Loop, *items: Any, **options: Any) -> tuple[heaps.HeapSource, Output]:
    """Run a source until its stream ends."""
    described = [i if isinstance(i, heaps.Item) else heaps.item(*i) for i in items]
    source = heaps.heap_source(loop.receiver, described, **options)
    top = gr.top_block()
    output = Output(top, source, *described)
    top.run()
    return source, output
