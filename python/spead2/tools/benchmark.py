# SPDX-License-Identifier: Apache-2.0
"""Finds the fastest rate without loss between two machines: an agent receives, a master sends.

They talk over TCP, one JSON object a line; heaps go over UDP to the same port number.
"""

from __future__ import annotations

import json
import math
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import spead2
import spead2.recv
import spead2.send

#: No trial is shorter, so that buffers cannot hide a rate that is too high.
TRIAL_SECONDS = 1.0
#: The search ends when it knows the rate this well.
PRECISION = 0.02
#: A sender that only reached this part of a rate has not shown that the rate is good.
REACHED = 0.9
FIRST_ID = 0x1000


@dataclass
class Ibv:
    """How ibverbs waits for completions."""

    comp_vector: int = 0
    max_poll: int = 10


@dataclass
class Sending:
    """What the master sends with."""

    heap_size: int = 4 << 20
    packet: int = 1472
    burst: int = 65536
    burst_rate_ratio: float = 1.05
    max_heaps: int = 4
    rate_method: str = "AUTO"
    address_bits: int = 40
    bug_compat: int = 0
    threads: int = 1
    affinity: list[int] = field(default_factory=list)
    buffer: int | None = None
    bind: str = ""
    ttl: int | None = None
    multicast: str | None = None
    ibv: Ibv | None = None  #: None: sockets


@dataclass
class Trial:
    """One rate that was tried."""

    rate: float  #: bytes a second that were asked for
    actual: float  #: that were sent
    sent: int  #: heaps
    received: int  #: whole ones

    @property
    def good(self) -> bool:
        """Tell whether all of it arrived."""
        return self.received == self.sent


class Connection:
    """One JSON object a line, in both directions."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lines = sock.makefile("rw", encoding="utf-8")

    def send(self, **message: Any) -> None:
        """Send an object."""
        self._lines.write(json.dumps(message) + "\n")
        self._lines.flush()

    def receive(self) -> dict[str, Any]:
        """Return the next object; an empty one at the end.

        Raises
        ------
        RuntimeError
            If the other side says that it failed.
        """
        line = self._lines.readline(1 << 20)
        message: dict[str, Any] = json.loads(line) if line else {}
        if "error" in message:
            raise RuntimeError(f"the agent: {message['error']}")
        return message

    def close(self) -> None:
        """Close both."""
        self._lines.close()
        self._sock.close()


def serve(port: int, once: bool = False, ready: Callable[[int], None] | None = None) -> None:
    """Be the agent: receive what each master that connects sends."""
    with socket.create_server(("", port)) as listener:
        if ready is not None:
            ready(listener.getsockname()[1])
        while True:
            sock, _ = listener.accept()
            connection = Connection(sock)
            try:
                _serve_master(connection, listener.getsockname()[1])
            except (OSError, ValueError, KeyError, RuntimeError) as error:
                connection.send(error=str(error))
            finally:
                connection.close()
            if once:
                return


def _serve_master(connection: Connection, port: int) -> None:
    while True:
        request = connection.receive()
        if not request:
            return
        options = request["options"]
        stream = _make_receiver(options, port)
        connection.send(ready=True)
        # What was lost on the way ends nothing, so the master says when all of it has gone.
        import threading

        count = 0

        def drain(stream: Any = stream) -> None:
            nonlocal count
            for heap in stream:
                if heap.is_end_of_stream():
                    return
                count += 1

        thread = threading.Thread(target=drain)
        thread.start()
        connection.receive()
        thread.join(timeout=2)  # the end comes by UDP, too, and may be lost
        stream.stop()
        thread.join()
        connection.send(received=count)


def _make_receiver(options: dict[str, Any], port: int) -> Any:
    size = int(options.get("heap_size", 4 << 20))
    config = spead2.recv.StreamConfig(
        max_heaps=int(options.get("concurrent_heaps", 4)),
        substreams=int(options.get("substreams", 1)),
        bug_compat=int(options.get("bug_compat", 0)),
        stop_on_stop_item=False,
        memory_allocator=spead2.MemoryPool(
            size,
            size + 4096,
            int(options.get("mem_max_free", 12)),
            int(options.get("mem_initial", 8)),
        ),
    )
    if options.get("memcpy_nt"):
        config.memcpy = spead2.MEMCPY_NONTEMPORAL
    ring = spead2.recv.RingStreamConfig(heaps=int(options.get("ring_heaps", 4)))
    affinity = [int(core) for core in options.get("affinity", [])]
    pool = spead2.ThreadPool(int(options.get("threads", 1)), affinity)
    stream = spead2.recv.Stream(pool, config, ring)
    more: dict[str, Any] = {}
    if options.get("buffer") is not None:
        more["buffer_size"] = int(options["buffer"])
    if options.get("packet") is not None:
        more["max_size"] = int(options["packet"])
    group = options.get("multicast")
    ibv = options.get("ibv")
    if ibv is not None:
        recv: Any = spead2.recv  # not every build has what follows
        bind = str(options.get("bind") or "")
        ibv_config = recv.UdpIbvConfig(
            endpoints=[(str(group or bind), port)],
            interface_address=bind,
            comp_vector=int(ibv["comp_vector"]),
            max_poll=int(ibv["max_poll"]),
            **more,
        )
        stream.add_udp_ibv_reader(ibv_config)
    elif group:
        address = options.get("bind") or "0.0.0.0"
        stream.add_udp_reader(str(group), port, interface_address=address, **more)
    else:
        stream.add_udp_reader(port, bind_hostname=options.get("bind") or "", **more)
    return stream


class Master:
    """Sends at rates until the fastest good one is known."""

    def __init__(
        self, endpoint: tuple[str, int], sending: Sending, receiving: dict[str, Any]
    ) -> None:
        self._sending = sending
        self._endpoint = (sending.multicast or endpoint[0], endpoint[1])
        self._receiving = dict(
            receiving,
            heap_size=sending.heap_size,
            bug_compat=sending.bug_compat,
            multicast=sending.multicast,
        )
        self._connection = Connection(socket.create_connection(endpoint))

    def close(self) -> None:
        """Let the agent go."""
        self._connection.close()

    def _stream(self, rate: float) -> Any:
        sending = self._sending
        config = spead2.send.StreamConfig(
            max_packet_size=sending.packet,
            rate=rate,
            burst_size=sending.burst,
            burst_rate_ratio=sending.burst_rate_ratio,
            max_heaps=max(sending.max_heaps, 2),
            rate_method=getattr(spead2.send.RateMethod, sending.rate_method),
        )
        more: dict[str, Any] = {}
        if sending.buffer is not None:
            more["buffer_size"] = sending.buffer
        if sending.ttl is not None:
            more["ttl"] = sending.ttl
        if sending.bind:
            more["interface_address"] = sending.bind
        pool = spead2.ThreadPool(sending.threads, sending.affinity)
        if sending.ibv is not None:
            ibv_config = spead2.send.UdpIbvConfig(
                endpoints=[self._endpoint],
                comp_vector=sending.ibv.comp_vector,
                max_poll=sending.ibv.max_poll,
                **more,
            )
            return spead2.send.UdpIbvStream(pool, config, ibv_config)
        return spead2.send.UdpStream(pool, [self._endpoint], config, **more)

    def trial(self, rate: float) -> Trial:
        """Send at a rate (bytes a second; 0: as fast as it goes) for a second."""
        sending = self._sending
        self._connection.send(options=self._receiving)
        self._connection.receive()
        stream = self._stream(rate)
        flavour = spead2.Flavour(4, 64, sending.address_bits, sending.bug_compat)
        heap = spead2.send.Heap(flavour)
        data = np.zeros(sending.heap_size, np.uint8)
        heap.add_item(spead2.Item(FIRST_ID, "data", "", data.shape, data.dtype, value=data))
        least = math.ceil(rate * TRIAL_SECONDS / sending.heap_size)
        heaps = size = 0
        start = time.monotonic()
        while heaps < least or time.monotonic() - start < TRIAL_SECONDS:
            size += stream.send_heap(heap)
            heaps += 1
        elapsed = time.monotonic() - start
        end = spead2.send.Heap(flavour)
        end.add_end()
        stream.send_heap(end)
        self._connection.send(sent=heaps)
        received = int(self._connection.receive()["received"])
        return Trial(rate, size / elapsed, heaps, received)

    def search(self, report: Callable[[Trial], None]) -> float:
        """Return the fastest rate (bytes a second) at which nothing was lost; 0: there is none."""
        first = self.trial(0.0)
        report(first)
        if first.good:
            return first.actual
        low, high = 0.0, first.actual
        best = 0.0
        while high - low > PRECISION * first.actual:
            middle = (low + high) / 2
            trial = self.trial(middle)
            report(trial)
            if trial.good and trial.actual >= REACHED * middle:
                low, best = middle, trial.actual
            else:
                high = middle
        return best
