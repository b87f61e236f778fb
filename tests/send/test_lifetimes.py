# SPDX-License-Identifier: Apache-2.0
"""Nothing is kept after its last use, and things may go in any order while heaps are in flight."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import spead2
import spead2.send
import spead2.send.asyncio
from spead2.send import GroupMode, Heap, HeapReference, HeapReferenceList, StreamConfig

KINDS = ["bytes", "udp", "tcp", "inproc"]
TOO_LARGE = 69_000  # of one packet, for UDP


class Watch:
    """Notices when objects are gone, in whatever thread that happens."""

    def __init__(self) -> None:
        self._gone: dict[str, threading.Event] = {}

    def add(self, **objects: Any) -> None:
        for name, watched in objects.items():
            self._gone[name] = threading.Event()
            weakref.finalize(watched, self._gone[name].set)

    def alive(self) -> list[str]:
        """Wait until all are gone; return the names of those that are not even after long."""
        if not all(gone.wait(0.01) for gone in self._gone.values()):
            gc.collect()
        return [name for name, gone in self._gone.items() if not gone.wait(10)]


@pytest.fixture
def peers() -> Iterator[dict[str, Any]]:
    """Give what streams are made from, by kind."""
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        receiver.bind(("127.0.0.1", 0))
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        connection = stack.enter_context(socket.create_connection(server.getsockname()))
        peer, _ = server.accept()
        stack.enter_context(peer)
        yield {"udp": [receiver.getsockname()], "tcp": connection}


def make_stream(module: Any, kind: str, pool: spead2.ThreadPool, peer: Any, **config: Any) -> Any:
    settings = StreamConfig(max_packet_size=70_000, **config)
    if kind == "bytes":
        return module.BytesStream(pool, settings)
    return getattr(module, f"{kind.capitalize()}Stream")(pool, peer, settings)


def make_heap(watch: Watch, size: int = 1000) -> Heap:
    """Make a heap whose parts are all watched."""
    group = spead2.send.ItemGroup()
    value = np.zeros(size, np.uint8)
    item = group.add_item(0x1000, "x", "", (size,), np.uint8, value=value)
    heap = group.get_heap()
    watch.add(value=value, item=item, group=group, heap=heap)
    return heap


def fail(kind: str, peer: Any) -> int:
    """Have the next heap fail; return how large it must be for that."""
    if kind == "tcp":
        peer.shutdown(socket.SHUT_WR)
    elif kind == "inproc":
        peer[0].stop()
    return TOO_LARGE


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (kind, outcome)
        for kind in KINDS
        for outcome in ("sent", "failed", "refused", "too small")
        if (kind, outcome) != ("bytes", "failed")  # memory does not fail
    ],
)
@pytest.mark.parametrize("form", ["heap", "list", "reference list"])
def test_blocking_calls_keep_nothing(
    peers: dict[str, Any], kind: str, outcome: str, form: str
) -> None:
    watch = Watch()
    peers["inproc"] = [spead2.InprocQueue()]
    peers["bytes"] = None

    def send() -> None:
        pool = spead2.ThreadPool()
        size = fail(kind, peers[kind]) if outcome == "failed" else 1000
        stream = make_stream(spead2.send, kind, pool, peers[kind])
        heap = make_heap(watch, size)
        if outcome == "too small":  # for all pointers in each packet
            heap.repeat_pointers = True
            for _ in range(10_000):
                heap.add_start()
        reference = HeapReference(heap, cnt=2**40 if outcome == "refused" else 1)
        heaps = HeapReferenceList([reference])
        watch.add(pool=pool, stream=stream, reference=reference, heaps=heaps)
        with contextlib.suppress(*([] if outcome == "sent" else [OSError, ValueError])):
            if form == "heap":
                assert stream.send_heap(heap, reference.cnt) > size
            else:
                chosen = [reference] if form == "list" else heaps
                assert stream.send_heaps(chosen, GroupMode.SERIAL) > size
            assert outcome == "sent"

    send()
    assert watch.alive() == []


@pytest.mark.parametrize(
    "outcome",
    ["sent", "failed", "refused", "too small", "cancelled", "pool stopped", "loop closed"],
)
@pytest.mark.parametrize("size", [1000, TOO_LARGE - 4000], ids=["small", "large"])
@pytest.mark.parametrize("kind", KINDS[1:])
def test_asyncio_streams_keep_nothing(
    peers: dict[str, Any], kind: str, size: int, outcome: str
) -> None:
    watch = Watch()
    peers["inproc"] = [spead2.InprocQueue()]
    watch.add(queue=peers["inproc"][0])

    def start() -> tuple[Any, Any]:
        peer = peers[kind]
        pool = spead2.ThreadPool()
        stream = make_stream(spead2.send.asyncio, kind, pool, peer)
        heap = make_heap(watch, fail(kind, peer) if outcome == "failed" else size)
        if outcome == "too small":
            heap.repeat_pointers = True
            for _ in range(10_000):
                heap.add_start()
        if outcome == "pool stopped":
            pool.stop()
        future = stream.async_send_heap(heap, cnt=2**40 if outcome == "refused" else 1)
        watch.add(pool=pool, stream=stream, future=future)
        return stream, future

    async def run() -> None:
        expected = () if outcome == "sent" else (OSError, ValueError)
        with contextlib.suppress(*expected):
            stream, future = start()
            if outcome == "loop closed":
                return
            if outcome == "cancelled":
                future.cancel()
                await stream.async_flush()
                return
            assert await future > size
            assert outcome == "sent"

    asyncio.run(run())
    del peers["inproc"]
    assert watch.alive() == []


def test_packet_generators_and_queues_keep_nothing() -> None:
    watch = Watch()
    heap = make_heap(watch)
    packets = spead2.send.PacketGenerator(heap, 1, 1472)
    queue = spead2.InprocQueue()
    stream = spead2.send.InprocStream(spead2.ThreadPool(), [queue])
    watch.add(packets=packets, queue=queue, stream=stream, iterator=iter(queue))
    next(packets)
    stream.send_heap(heap)
    queues = stream.queues
    assert queues == [queue]
    del heap, packets, queue, queues, stream
    assert watch.alive() == []


def test_failed_constructors_and_calls_keep_nothing() -> None:
    watch = Watch()

    def use() -> None:
        pool = spead2.ThreadPool()
        config = StreamConfig()
        queue = spead2.InprocQueue()
        heap = make_heap(watch)
        reference = HeapReference(heap)
        watch.add(pool=pool, config=config, queue=queue)
        any_send: Any = spead2.send
        calls: list[Callable[[], object]] = [
            lambda: any_send.UdpStream(pool, [], config),
            lambda: any_send.UdpStream(pool, [("127.0.0.1", 1)], config, 0, 5),
            lambda: any_send.TcpStream(pool, [], config),
            lambda: any_send.BytesStream(pool, config, heap),
            lambda: any_send.InprocStream(pool, [queue, None], config),
            lambda: any_send.HeapReferenceList([reference, heap]),
            lambda: any_send.PacketGenerator(heap, 1, 3),
            lambda: any_send.Heap.add_item(heap, heap),
            lambda: any_send.BytesStream(pool, config).send_heap(heap, heap),
            lambda: any_send.StreamConfig(rate=heap),
        ]
        for call in calls:
            with pytest.raises((TypeError, ValueError, AttributeError)):
                call()

    use()
    assert watch.alive() == []


@pytest.mark.parametrize("in_flight", [False, True], ids=["idle", "in flight"])
@pytest.mark.parametrize("kind", ["udp", "tcp", "inproc"])
def test_every_order_of_destruction(kind: str, in_flight: bool) -> None:
    names = ["pool", "stream", "heap", "peer", "loop"]
    config = {"rate": 1e6, "burst_size": 100} if in_flight else {}
    for order in itertools.permutations(names):
        watch = Watch()
        loop = asyncio.new_event_loop()
        server = socket.create_server(("127.0.0.1", 0))
        peer: Any
        if kind == "udp":
            peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            peer.bind(("127.0.0.1", 0))
            argument: Any = [peer.getsockname()]
        elif kind == "tcp":
            argument = socket.create_connection(server.getsockname())
            peer, _ = server.accept()
        else:
            peer = spead2.InprocQueue()
            argument = [peer]
        pool = spead2.ThreadPool()
        stream = make_stream(spead2.send.asyncio, kind, pool, argument, **config)
        if kind == "tcp":
            argument.close()
        heap = make_heap(watch)
        watch.add(pool=pool, stream=stream, peer=peer)

        async def queue(stream: Any, heap: Heap) -> None:
            futures = [stream.async_send_heap(heap) for _ in range(3)]
            if not in_flight:
                await asyncio.wait(futures)

        loop.run_until_complete(queue(stream, heap))
        live: dict[str, Any] = {
            "pool": pool, "stream": stream, "heap": heap, "peer": peer, "loop": loop,
        }  # fmt: skip
        del pool, stream, heap, peer, argument
        for name in order:
            leaving = live.pop(name)
            if name == "loop" or isinstance(leaving, socket.socket):
                leaving.close()
            del leaving
        del loop
        server.close()
        assert watch.alive() == [], order


@pytest.mark.parametrize("order", list(itertools.permutations(["pool", "stream", "heap", "queue"])))
def test_every_order_of_destruction_of_a_blocking_stream(order: tuple[str, ...]) -> None:
    watch = Watch()
    queue = spead2.InprocQueue()
    pool = spead2.ThreadPool()
    live: dict[str, Any] = {
        "pool": pool,
        "stream": spead2.send.InprocStream(pool, [queue]),
        "heap": make_heap(watch),
        "queue": queue,
    }
    watch.add(pool=pool, stream=live["stream"], queue=queue)
    live["stream"].send_heap(live["heap"])
    del pool, queue
    for name in order:
        del live[name]
        assert all(map(repr, live.values()))
        if "stream" in live and "heap" in live:
            assert live["stream"].send_heap(live["heap"]) > 1000
    assert watch.alive() == []


@pytest.mark.parametrize(
    ("wait", "afterwards"),
    [
        ("stream.send_heap(heap)", "stream.send_heap(small)"),
        ("stream.send_heaps([HeapReference(heap)], SERIAL)", "stream.send_heap(small)"),
        ("asyncio_stream.flush()", "asyncio_stream.flush()"),
        ("queue.get_packet()", "queue.add_packet(b'x') or queue.get_packet()"),
        ("queue.get_packet(1e8)", "queue.add_packet(b'x') or next(queue)"),
        ("next(queue)", "queue.add_packet(b'x') or next(queue)"),
        ("tcp_stream.send_heap(heap)", "drain() or tcp_stream.send_heap(small)"),
    ],
)
def test_keyboard_interrupt_and_what_can_be_done_then(wait: str, afterwards: str) -> None:
    """The signal comes when the line before the call is done, so the call has to notice it."""
    script = f"""
        import asyncio, signal, socket, sys, threading
        import numpy as np
        import spead2, spead2.send, spead2.send.asyncio
        from spead2.send import GroupMode, Heap, HeapReference, StreamConfig
        signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
        SERIAL = GroupMode.SERIAL
        heap, small = Heap(), Heap()
        heap.add_item(
            spead2.Item(1, "x", "", (10_000_000,), np.uint8, value=np.zeros(10_000_000, np.uint8)))
        pool = spead2.ThreadPool()
        config = StreamConfig(rate=5e6, burst_size=100)
        queue = spead2.InprocQueue()
        stream = spead2.send.BytesStream(pool, config)
        asyncio_stream = spead2.send.asyncio.InprocStream(pool, [spead2.InprocQueue()], config)
        server = socket.create_server(("127.0.0.1", 0))
        tcp_stream = spead2.send.TcpStream(pool, [server.getsockname()])
        connection, _ = server.accept()
        def drain():
            def read():
                while connection.recv(1 << 20):
                    pass
            threading.Thread(target=read, daemon=True).start()
        async def queue_heap():
            asyncio_stream.async_send_heap(heap)
        if "flush" in {wait!r}:
            asyncio.run(queue_heap())
        while True:
            try:
                print("ready", flush=True)
                {wait}
                while True:  # it was over already
                    pass
            except KeyboardInterrupt as error:
                if error.__traceback__.tb_lineno == LINE:
                    break
        {afterwards}
        print("usable", flush=True)
        sys.stdout.close()
        import os
        os._exit(0)
    """
    script = textwrap.dedent(script)
    line = script.splitlines().index(f"        {wait}") + 1
    with subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", script.replace("LINE", str(line))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        told = []
        try:
            for told_line in process.stdout:
                told.append(told_line)
                if told_line == "ready\n":
                    process.send_signal(signal.SIGINT)
            assert process.stderr.read() == ""
            assert process.wait() == 0
        finally:
            process.kill()  # the test's time may be over
    assert told[-1:] == ["usable\n"]


def test_a_pool_that_several_threads_stop_at_once() -> None:
    """In a process of its own: who joins a thread a second time may join a stranger."""
    script = """
    import threading, spead2

    def stop(pool, start):
        start.wait()
        pool.stop()

    for _ in range(300):
        pool = spead2.ThreadPool(2)
        start = threading.Barrier(4)
        threads = [threading.Thread(target=stop, args=(pool, start)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
