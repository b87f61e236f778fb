# SPDX-License-Identifier: Apache-2.0
"""What the tests of faults share: heaps that can be told apart, and a heap that is on its way."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

import spead2
import spead2.send

SO_RCVBUFFORCE = 33


def make_heap(size: int, seed: int = 0) -> spead2.send.Heap:
    data = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    group = spead2.send.ItemGroup()
    group.add_item(0x1000, "data", "", shape=data.shape, dtype=data.dtype, value=data)
    return group.get_heap(descriptors="none")


def packets(heap: spead2.send.Heap, cnt: int, max_packet_size: int = 1472) -> list[bytes]:
    return [bytes(p) for p in spead2.send.PacketGenerator(heap, cnt, max_packet_size)]


def receiver(address: str = "127.0.0.1") -> socket.socket:
    """Make a bound UDP socket whose buffer holds everything a test sends."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    sock.bind((address, 0))
    sock.settimeout(30)
    return sock


def arrived(sock: socket.socket) -> list[bytes]:
    """Return the packets that are there; on a virtual cable they arrive within the system call."""
    sock.setblocking(False)
    result = []
    with contextlib.suppress(BlockingIOError):
        while True:
            result.append(sock.recv(65536))
    sock.settimeout(30)
    return result


class OnItsWay:
    """A heap that a thread sends at a rate; `outcome` is what the call returned or raised."""

    def __init__(self, stream: spead2.send.UdpStream, heap: spead2.send.Heap, cnt: int) -> None:
        self.outcome: int | OSError | None = None
        self._thread = threading.Thread(target=self._send, args=(stream, heap, cnt))
        self._thread.start()

    def _send(self, stream: spead2.send.UdpStream, heap: spead2.send.Heap, cnt: int) -> None:
        try:
            self.outcome = stream.send_heap(heap, cnt)
        except OSError as error:
            self.outcome = error

    def join(self) -> int | OSError:
        self._thread.join()
        assert self.outcome is not None
        return self.outcome


@contextlib.contextmanager
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, "spead2"):
        yield


def wait_for_line(caplog: pytest.LogCaptureFixture, text: str) -> str:
    """Wait until this was logged; messages of the engine arrive by a thread of their own."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        found = [r.getMessage() for r in caplog.records if text in r.getMessage()]
        if found:
            return found[0]
        time.sleep(0.001)
    raise AssertionError(f"not logged: {text}")
