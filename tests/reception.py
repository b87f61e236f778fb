# SPDX-License-Identifier: Apache-2.0
"""Receives given packets with whichever spead2 is installed, and reports all that came of it.

The tests use it with the package under test and, in a process of its own, with the reference
package; so it knows nothing but the API that both have. Reports are plain data.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import recipes

import spead2
import spead2._spead2
import spead2.recv as recv

#: What is left over when no stream has anything to say any more.
_END_OF_LOG = "end of the log of a reception"

#: A heap of one packet that says that the stream ends.
_STOP = bytes.fromhex(
    "53040305000000058000017fffffffff80000200000000008000030000000000"
    "80000400000000008000060000000002"
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to receive.

    Attributes
    ----------
    how
        "inproc", "buffer", "udp" or "tcp". By UDP, a heap follows that stops the stream.
    config, ring
        Arguments of StreamConfig and RingStreamConfig.
    update
        Whether an item group takes the heaps.
    """

    how: str = "inproc"
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    ring: dict[str, Any] = dataclasses.field(default_factory=dict)
    update: bool = True
    new_order: str = "="


@dataclasses.dataclass
class Report:
    """What came. All parts can be compared with ==."""

    heaps: list[dict[str, Any]]
    stats: dict[str, int]
    log: list[tuple[str, str]]


def canonical(value: Any) -> Any:
    """Return plain data for a received value: (kind, contents)."""
    if type(value) is str:
        return ("text", value)
    if isinstance(value, (bool, int)):
        return ("number", value)
    array = np.asarray(value)
    scalar = not isinstance(value, np.ndarray)
    if array.dtype.hasobject:
        return ("elements", scalar, repr(array.tolist()))
    return ("array", scalar, recipes.to_descr(array.dtype), array.shape, array.tobytes())


class _Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[str, str]] = []
        self._ended = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == _END_OF_LOG:
            self._ended.set()
        else:
            self.lines.append((record.levelname, record.getMessage()))

    def finish(self) -> None:
        """Wait until all that was logged before is here."""
        self._ended.clear()
        spead2._spead2.log_info(_END_OF_LOG)
        assert self._ended.wait(60)

    def begin(self) -> None:
        """Leave out what was logged before."""
        self.finish()
        self.lines.clear()


@contextlib.contextmanager
def collected_log() -> Iterator[_Log]:
    """Collect what is logged."""
    log = _Log()
    logger = logging.getLogger("spead2")
    level = logger.level
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    try:
        log.begin()
        yield log
    finally:
        logger.removeHandler(log)
        logger.setLevel(level)


def receive(packets: Sequence[bytes], settings: Settings) -> Report:
    """Receive packets until the stream ends."""
    with collected_log() as log:
        stream = recv.Stream(
            spead2.ThreadPool(),
            recv.StreamConfig(**settings.config),
            recv.RingStreamConfig(**{"heaps": 4096, **settings.ring}),
        )
        supply(stream, packets, settings.how)
        group = spead2.ItemGroup()
        heaps = [report(heap, group, settings) for heap in stream]
        stream.stop()
        log.finish()
        stats = {name: stream.stats[name] for name in stream.stats}
    return Report(heaps, stats, log.lines)


def supply(stream: Any, packets: Sequence[bytes], how: str) -> None:
    """Give packets to a stream, and an end."""
    if how == "inproc":
        queue = spead2.InprocQueue()
        for packet in packets:
            queue.add_packet(packet)
        queue.stop()
        stream.add_inproc_reader(queue)
    elif how == "buffer":
        stream.add_buffer_reader(b"".join(packets))
    elif how == "tcp":
        with socket.create_server(("127.0.0.1", 0)) as acceptor:
            stream.add_tcp_reader(acceptor)
            port = acceptor.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"".join(packets))
    elif how == "udp":
        with socket.socket(type=socket.SOCK_DGRAM) as receiver:
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            receiver.bind(("127.0.0.1", 0))
            stream.add_udp_reader(receiver)
            address = receiver.getsockname()
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            for packet in [*packets, _STOP]:
                sender.sendto(packet, address)
    else:
        raise ValueError(how)


def report(heap: Any, group: spead2.ItemGroup, settings: Settings) -> dict[str, Any]:
    """Describe a heap, and what a group makes of it."""
    flavour = heap.flavour
    result: dict[str, Any] = {
        "kind": type(heap).__name__,
        "cnt": heap.cnt,
        "flavour": (flavour.heap_address_bits, flavour.bug_compat),
        "items": [
            (item.id, item.immediate_value if item.is_immediate else bytes(item))
            for item in heap.get_items()
        ],
        "controls": (heap.is_start_of_stream(), heap.is_end_of_stream()),
    }
    if result["kind"] == "IncompleteHeap":
        result["length"] = heap.heap_length
        result["received"] = heap.received_length
        result["ranges"] = heap.payload_ranges
        return result
    result["descriptors"] = [
        (raw.id, raw.name, raw.description, raw.shape, raw.format, raw.numpy_header)
        for raw in heap.get_descriptors()
    ]
    if settings.update:
        try:
            updated = group.update(heap, settings.new_order)
        except SystemError:  # what the reference says of numbers that are no characters
            result["error"] = "ValueError"
        except ValueError as error:
            result["error"] = type(error).__name__
        else:
            result["updated"] = {
                name: (canonical(item.value), item.version) for name, item in updated.items()
            }
        result["group"] = {name: (item.id, item.version) for name, item in group.items()}
    return result
