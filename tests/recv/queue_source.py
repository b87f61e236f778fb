# SPDX-License-Identifier: Apache-2.0
"""A receiving stream that reads a queue, and heaps to put there."""

from __future__ import annotations

from typing import Any

import packets

import spead2
import spead2.recv as recv


def one(cnt: int) -> bytes:
    """Return a heap of one packet."""
    return packets.whole(cnt, (0x20, b"payload"), (0x21, cnt)).encode()


def halves(cnt: int) -> tuple[bytes, bytes]:
    first, second = packets.cut(packets.whole(cnt, (0x20, b"payload")), 3)
    return first.encode(), second.encode()


STOP = packets.whole(2**39, (packets.STREAM_CTRL, packets.STOP)).encode()


class Source:
    """A stream and the queue that it reads."""

    def __init__(
        self, config: Any = None, pool: spead2.ThreadPool | None = None, **ring: Any
    ) -> None:
        self.queue = spead2.InprocQueue()
        self.stream = recv.Stream(
            pool or spead2.ThreadPool(),
            recv.StreamConfig(**(config or {})),
            recv.RingStreamConfig(**{"heaps": 100, **ring}),
        )
        self.stream.add_inproc_reader(self.queue)

    def send(self, *sent: bytes) -> None:
        for packet in sent:
            self.queue.add_packet(packet)

    def end(self) -> list[int]:
        self.queue.stop()
        return [heap.cnt for heap in self.stream]
