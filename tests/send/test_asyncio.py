# SPDX-License-Identifier: Apache-2.0
"""Streams for asyncio: what futures say and when, whoever sends the heaps."""

from __future__ import annotations

import asyncio
import errno
import gc
import inspect
import socket
import threading
import unittest.mock
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import spead2
import spead2.send
import spead2.send.asyncio
from spead2.send import GroupMode, Heap, HeapReference, HeapReferenceList, StreamConfig

SMALL = 100  # bytes of payload of a heap that the loop's thread sends itself
LARGE = 300_000  # of one that is left to a worker


def make_heap(size: int = SMALL) -> Heap:
    item = spead2.Item(0x1000, "x", "", (size,), np.uint8, value=np.zeros(size, np.uint8))
    heap = Heap()
    heap.add_item(item)
    return heap


def heap_size(size: int, config: StreamConfig | None = None) -> int:
    """Bytes of all packets of a heap of one item."""
    packet = (config or StreamConfig()).max_packet_size
    return sum(map(len, spead2.send.PacketGenerator(make_heap(size), 1, packet)))


def cnt_of(packet: bytes) -> int:
    return int.from_bytes(packet[11:16], "big")


def cnts(queue: spead2.InprocQueue) -> list[int]:
    """Heap cnts of the packets in a queue, repetitions left out."""
    found: list[int] = []
    while queue.qsize():
        cnt = cnt_of(queue.get_packet())
        if found[-1:] != [cnt]:
            found.append(cnt)
    return found


@pytest.fixture
def pool() -> spead2.ThreadPool:
    return spead2.ThreadPool()


@pytest.fixture
def queue() -> spead2.InprocQueue:
    return spead2.InprocQueue()


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        yield receiver


@pytest.fixture(autouse=True)
def no_noise() -> Iterator[None]:
    """Fail if anything is told to the loop's exception handler or left to the interpreter."""
    noise: list[object] = []
    policy_new_loop = asyncio.get_event_loop_policy().new_event_loop

    def new_event_loop() -> asyncio.AbstractEventLoop:
        loop = policy_new_loop()
        loop.set_exception_handler(lambda _, context: noise.append(context))
        return loop

    patch = pytest.MonkeyPatch()
    patch.setattr(asyncio, "new_event_loop", new_event_loop)
    patch.setattr(asyncio.events, "new_event_loop", new_event_loop)
    patch.setattr("sys.unraisablehook", noise.append)
    yield
    gc.collect()
    patch.undo()
    assert noise == []


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("in_flight", [1, 3, 40])
def test_futures_are_done_in_order_with_bytes_sent(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue, size: int, in_flight: int
) -> None:
    async def run() -> list[int]:
        stream = spead2.send.asyncio.InprocStream(pool, [queue], StreamConfig(max_heaps=in_flight))
        order = []
        for first in range(0, 120, in_flight):
            futures = [stream.async_send_heap(make_heap(size)) for _ in range(in_flight)]
            for i, future in enumerate(futures, first):
                assert isinstance(future, asyncio.Future)
                future.add_done_callback(lambda _, i=i: order.append(i))
            assert await asyncio.gather(*futures) == [heap_size(size)] * in_flight
        await asyncio.sleep(0)
        return order

    assert asyncio.run(run()) == list(range(120))
    assert cnts(queue) == list(range(1, 121))


def test_keywords_and_groups(pool: spead2.ThreadPool) -> None:
    queues = [spead2.InprocQueue(), spead2.InprocQueue()]

    async def run() -> None:
        stream = spead2.send.asyncio.InprocStream(
            pool, queues, StreamConfig(max_packet_size=88, max_heaps=8)
        )
        assert stream.queues == queues
        assert stream.num_substreams == 2
        assert await stream.async_send_heap(make_heap(), 77, substream_index=1, rate=0.0) > 0
        stream.set_cnt_sequence(10, 5)
        pair = [HeapReference(make_heap()), HeapReference(make_heap(), cnt=3, substream_index=0)]
        one = heap_size(SMALL, StreamConfig(max_packet_size=88))
        assert await stream.async_send_heaps(pair, GroupMode.ROUND_ROBIN) == 2 * one
        assert await stream.async_send_heaps(HeapReferenceList(pair), GroupMode.SERIAL) == 2 * one

    asyncio.run(run())
    assert cnts(queues[1]) == [77]
    assert cnts(queues[0]) == [10, 3, 10, 3, 10, 3, 15, 3]


@pytest.mark.parametrize(
    ("call", "error", "number"),
    [
        (lambda s: s.async_send_heap(make_heap(), substream_index=1), OSError, "substream_index 1"),
        (lambda s: s.async_send_heap(make_heap(), 2**40), OSError, str(2**40)),
        (lambda s: s.async_send_heaps([], GroupMode.SERIAL), OSError, "empty"),
        (
            lambda s: s.async_send_heaps([HeapReference(make_heap())] * 3, GroupMode.SERIAL),
            BlockingIOError,
            "max_heaps 2",
        ),
    ],
)
def test_refusals_come_through_the_future_and_change_nothing(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue, call: Any, error: type, number: str
) -> None:
    async def run() -> None:
        stream = spead2.send.asyncio.InprocStream(pool, [queue], StreamConfig(max_heaps=2))
        future = call(stream)
        assert not future.done()
        with pytest.raises(error, match=number):
            await future
        await stream.async_send_heap(make_heap())

    asyncio.run(run())
    assert cnts(queue) == [1]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((None,), TypeError, "None"),
        ((3,), TypeError, "3"),
        ((make_heap(), 1.5), TypeError, "1.5"),
        ((make_heap(), -1, -1), TypeError, "-1"),
        ((make_heap(), -1, 0, "fast"), TypeError, "fast"),
        ((make_heap(), -1, 0, float("nan")), ValueError, "nan"),
        ((make_heap(), 1, 2, 3, 4), TypeError, "5"),
    ],
)
def test_bad_arguments_raise_at_once(
    pool: spead2.ThreadPool,
    queue: spead2.InprocQueue,
    arguments: tuple[Any, ...],
    error: type,
    text: str,
) -> None:
    async def run() -> None:
        stream = spead2.send.asyncio.InprocStream(pool, [queue])
        with pytest.raises(error, match=text):
            stream.async_send_heap(*arguments)
        await stream.async_send_heap(make_heap())

    asyncio.run(run())
    assert cnts(queue) == [1]


def test_full_queue_refuses_until_there_is_room(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue
) -> None:
    async def run() -> None:
        # The rate keeps the first two heaps in the queue.
        config = StreamConfig(max_heaps=2, rate=1e6, burst_size=100)
        stream = spead2.send.asyncio.InprocStream(pool, [queue], config)
        futures = [stream.async_send_heap(make_heap(20_000)) for _ in range(3)]
        with pytest.raises(BlockingIOError, match="max_heaps 2"):
            await futures[2]
        assert await futures[0] == await futures[1] == heap_size(20_000)
        await stream.async_send_heap(make_heap())

    asyncio.run(run())
    assert cnts(queue) == [1, 2, 3]


def test_send_errors_are_those_of_the_heap(pool: spead2.ThreadPool, receiver: Any) -> None:
    async def run() -> None:
        stream = spead2.send.asyncio.UdpStream(
            pool, [receiver.getsockname()], StreamConfig(max_packet_size=70_000)
        )
        results = await asyncio.gather(
            stream.async_send_heap(make_heap()),
            stream.async_send_heap(make_heap(69_000)),
            stream.async_send_heap(make_heap()),
            return_exceptions=True,
        )
        assert results[0] == results[2] == heap_size(SMALL)
        assert isinstance(results[1], OSError)
        assert results[1].errno == 90  # EMSGSIZE

    asyncio.run(run())


def test_stopped_pool(queue: spead2.InprocQueue) -> None:
    """What is on its way fails then, and not only when somebody asks for more."""
    pool = spead2.ThreadPool()
    config = StreamConfig(rate=1e4, burst_size=0)
    stream = spead2.send.asyncio.InprocStream(pool, [queue], config)

    async def main() -> None:
        sent = stream.async_send_heap(make_heap(100_000))
        await asyncio.sleep(0)
        pool.stop()
        with pytest.raises(OSError, match="canceled") as caught:
            await sent
        assert caught.value.errno == errno.ECANCELED

    asyncio.run(main())


def test_stopped_queue(pool: spead2.ThreadPool, queue: spead2.InprocQueue) -> None:
    async def run() -> None:
        stream = spead2.send.asyncio.InprocStream(pool, [queue])
        queue.stop()
        for _ in range(2):
            with pytest.raises(OSError, match="inproc"):
                await stream.async_send_heap(make_heap())

    asyncio.run(run())


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_cancelled_futures_do_not_hold_up_their_heaps(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue, size: int
) -> None:
    async def run() -> None:
        stream = spead2.send.asyncio.InprocStream(pool, [queue])
        futures = [stream.async_send_heap(make_heap(size)) for _ in range(3)]
        cancelled = futures[1].cancel()
        await stream.async_flush()
        assert futures[1].cancelled() == cancelled
        assert await futures[0] == await futures[2] == heap_size(size)

    asyncio.run(run())
    assert cnts(queue) == [1, 2, 3]


def test_cancelled_task(pool: spead2.ThreadPool, queue: spead2.InprocQueue) -> None:
    async def run() -> None:
        config = StreamConfig(rate=1e6, burst_size=100)
        stream = spead2.send.asyncio.InprocStream(pool, [queue], config)
        task = asyncio.ensure_future(stream.async_send_heap(make_heap(100_000)))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(task, 0.001)
        assert task.cancelled()
        await stream.async_flush()

    asyncio.run(run())
    assert cnts(queue) == [1]


def test_async_flush_waits_for_what_was_queued_before(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue
) -> None:
    assert inspect.iscoroutinefunction(spead2.send.asyncio.InprocStream.async_flush)

    async def run() -> None:
        config = StreamConfig(rate=2e6, burst_size=100, max_heaps=8)
        stream = spead2.send.asyncio.InprocStream(pool, [queue], config)
        await stream.async_flush()  # nothing was queued
        before = [stream.async_send_heap(make_heap(20_000)) for _ in range(3)]
        flush = asyncio.ensure_future(stream.async_flush())
        await asyncio.sleep(0)  # the flush is queued now
        after = stream.async_send_heap(make_heap(100_000))
        await flush
        assert all(future.done() for future in before)
        assert not after.done()
        await after

    asyncio.run(run())


def test_flush_blocks_and_the_loop_sets_the_futures(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue
) -> None:
    async def run() -> None:
        config = StreamConfig(rate=1e7, burst_size=100)
        stream = spead2.send.asyncio.InprocStream(pool, [queue], config)
        futures = [stream.async_send_heap(make_heap(20_000)) for _ in range(2)]
        stream.flush()
        assert sum(map(len, iter(lambda: queue.get_packet(0) if queue.qsize() else b"", b""))) == (
            2 * heap_size(20_000)
        )
        assert await asyncio.gather(*futures) == [heap_size(20_000)] * 2

    asyncio.run(run())


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_several_loops_one_after_another(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue, size: int
) -> None:
    stream = spead2.send.asyncio.InprocStream(pool, [queue])

    async def run() -> list[int]:
        return await asyncio.gather(*[stream.async_send_heap(make_heap(size)) for _ in range(3)])

    for _ in range(4):
        assert asyncio.run(run()) == [heap_size(size)] * 3
    assert cnts(queue) == list(range(1, 13))


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_loop_closed_with_heaps_in_flight(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue, size: int
) -> None:
    stream = spead2.send.asyncio.InprocStream(
        pool, [queue], StreamConfig(rate=5e6, burst_size=100, max_heaps=8)
    )
    abandoned: list[asyncio.Future[int]] = []

    async def leave() -> None:
        abandoned.append(stream.async_send_heap(make_heap(size)))
        abandoned.append(stream.async_send_heap(make_heap(size)))

    async def stay() -> int:
        return await stream.async_send_heap(make_heap(size))

    asyncio.run(leave())
    assert asyncio.run(stay()) == heap_size(size)
    assert cnts(queue) == [1, 2, 3]


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_loops_of_several_threads_at_once(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue, size: int
) -> None:
    stream = spead2.send.asyncio.InprocStream(pool, [queue], StreamConfig(max_heaps=64))
    errors: list[BaseException] = []

    async def run() -> None:
        for _ in range(50):
            futures = [stream.async_send_heap(make_heap(size)) for _ in range(4)]
            assert await asyncio.gather(*futures) == [heap_size(size)] * 4

    def thread() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=thread) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []
    assert sorted(set(cnts(queue))) == list(range(1, 801))


def test_heaps_go_although_the_loop_does_not_run(pool: spead2.ThreadPool, receiver: Any) -> None:
    async def run() -> None:
        stream = spead2.send.asyncio.UdpStream(pool, [receiver.getsockname()])
        for _ in range(20):
            futures = [stream.async_send_heap(make_heap()) for _ in range(2)]
            assert [len(receiver.recv(10_000)) for _ in futures] == [heap_size(SMALL)] * 2
            assert await asyncio.gather(*futures) == [heap_size(SMALL)] * 2

    asyncio.run(run())


def test_a_task_that_only_sends_leaves_the_loop_to_others(
    pool: spead2.ThreadPool, receiver: Any
) -> None:
    async def run() -> None:
        stream = spead2.send.asyncio.UdpStream(pool, [receiver.getsockname()])
        turns = 0

        async def other() -> None:
            nonlocal turns
            while turns < 100:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.ensure_future(other())
        heap = make_heap()
        while not task.done():
            await stream.async_send_heap(heap)
        assert turns == 100

    asyncio.run(run())


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_nothing_holds_a_heap_whose_future_is_done(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue, size: int
) -> None:
    async def run() -> None:
        stream = spead2.send.asyncio.InprocStream(pool, [queue])
        value = np.zeros(size, np.uint8)
        alive = weakref.ref(value)
        heap = Heap()
        heap.add_item(spead2.Item(0x1000, "x", "", (size,), np.uint8, value=value))
        future = stream.async_send_heap(heap)
        seen_by_callback: list[bool] = []
        future.add_done_callback(lambda _: seen_by_callback.append(alive() is not None))
        del heap, value
        await future
        await asyncio.sleep(0)
        assert alive() is None
        assert seen_by_callback == [False]

    asyncio.run(run())


def test_a_dropped_stream_sends_what_is_queued(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue
) -> None:
    async def run() -> None:
        config = StreamConfig(rate=5e6, burst_size=100)
        stream = spead2.send.asyncio.InprocStream(pool, [queue], config)
        alive = weakref.ref(stream)
        futures = [stream.async_send_heap(make_heap(size)) for size in (50_000, SMALL)]
        del stream
        assert await asyncio.gather(*futures) == [heap_size(50_000), heap_size(SMALL)]
        await asyncio.sleep(0)
        gc.collect()
        assert alive() is None

    asyncio.run(run())


def test_without_a_loop(pool: spead2.ThreadPool, queue: spead2.InprocQueue) -> None:
    stream = spead2.send.asyncio.InprocStream(pool, [queue])
    error: list[BaseException] = []

    def send() -> None:
        with pytest.raises(RuntimeError, match="no current event loop") as caught:
            stream.async_send_heap(make_heap())
        error.append(caught.value)

    thread = threading.Thread(target=send)
    thread.start()
    thread.join()
    assert len(error) == 1
    assert queue.qsize() == 0
    stream.process_callbacks()  # harmless


def test_loop_that_does_not_run_yet(pool: spead2.ThreadPool, queue: spead2.InprocQueue) -> None:
    stream = spead2.send.asyncio.InprocStream(pool, [queue])
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        future = stream.async_send_heap(make_heap())
        assert future.get_loop() is loop
        assert loop.run_until_complete(future) == heap_size(SMALL)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_futures_are_made_by_the_loop(pool: spead2.ThreadPool, queue: spead2.InprocQueue) -> None:
    class OwnFuture(asyncio.Future):  # type: ignore[type-arg]
        pass

    class OwnLoop(asyncio.SelectorEventLoop):
        def create_future(self) -> asyncio.Future[Any]:
            return OwnFuture(loop=self)

    async def run() -> None:
        stream = spead2.send.asyncio.InprocStream(pool, [queue])
        for size in (SMALL, LARGE):
            future = stream.async_send_heap(make_heap(size))
            assert isinstance(future, OwnFuture)
            assert await future == heap_size(size)

    loop = OwnLoop()
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()


def test_debug_mode(pool: spead2.ThreadPool, queue: spead2.InprocQueue) -> None:
    async def run() -> None:
        stream = spead2.send.asyncio.InprocStream(pool, [queue])
        for size in (SMALL, LARGE):
            assert await stream.async_send_heap(make_heap(size)) == heap_size(size)

    asyncio.run(run(), debug=True)


def test_attributes(pool: spead2.ThreadPool, queue: spead2.InprocQueue) -> None:
    stream = spead2.send.asyncio.InprocStream(pool, [queue])
    assert isinstance(stream.fd, int)
    with pytest.raises(AttributeError):
        stream.fd = 3  # type: ignore[misc]
    assert isinstance(stream, spead2.send.Stream)
    assert not isinstance(stream, spead2.send.InprocStream)
    assert not hasattr(stream, "send_heap")
    assert "spead2.send.asyncio.InprocStream" in repr(stream)


# ---- TCP


def test_tcp_connect_sends_everything(pool: spead2.ThreadPool) -> None:
    async def run() -> bytes:
        received = b""
        done = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal received
            received = await reader.read(-1)
            writer.close()
            done.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        endpoint = server.sockets[0].getsockname()
        stream = await spead2.send.asyncio.TcpStream.connect(
            pool, [endpoint], StreamConfig(max_packet_size=9000, max_heaps=20)
        )
        assert type(stream) is spead2.send.asyncio.TcpStream
        futures = [stream.async_send_heap(make_heap(1_000_000)) for _ in range(20)]
        assert len(set(await asyncio.gather(*futures))) == 1
        del stream
        await done.wait()
        server.close()
        await server.wait_closed()
        return received

    received = asyncio.run(run())
    assert len(received) == 20 * heap_size(1_000_000, StreamConfig(max_packet_size=9000))


def test_tcp_with_a_socket(pool: spead2.ThreadPool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        with peer:
            stream = spead2.send.asyncio.TcpStream(pool, connection)
            connection.close()

            async def run() -> int:
                return await stream.async_send_heap(make_heap())

            assert asyncio.run(run()) == heap_size(SMALL)
            assert len(peer.recv(10_000)) == heap_size(SMALL)


def test_tcp_constructor_does_not_connect(pool: spead2.ThreadPool) -> None:
    with pytest.raises(TypeError, match="connect"):
        spead2.send.asyncio.TcpStream(pool, [("127.0.0.1", 1)])  # type: ignore[call-overload]


def test_tcp_connect_errors(pool: spead2.ThreadPool) -> None:
    async def run() -> None:
        connect = spead2.send.asyncio.TcpStream.connect
        with socket.socket() as bound:  # but not listening
            bound.bind(("127.0.0.1", 0))
            with pytest.raises(ConnectionRefusedError):
                await connect(pool, [bound.getsockname()])
        with pytest.raises(ValueError, match="2"):
            await connect(pool, [("127.0.0.1", 1)] * 2)
        with pytest.raises(RuntimeError, match="Host not found"):
            await connect(pool, [("no.such.host.invalid", 1)])
        with pytest.raises(TypeError, match="nonsense"):
            await connect(pool, [("127.0.0.1", 1)], nonsense=1)

    asyncio.run(run())


def test_tcp_connect_can_be_cancelled(pool: spead2.ThreadPool) -> None:
    # Nobody accepts, so once the backlog is full a connection is not answered.
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        endpoint = server.getsockname()
        waiting = []
        while True:
            waiting.append(socket.socket())
            waiting[-1].settimeout(0.2)
            try:
                waiting[-1].connect(endpoint)
            except socket.timeout:  # no TimeoutError before Python 3.10
                break

        async def run() -> None:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(
                    spead2.send.asyncio.TcpStream.connect(pool, [endpoint]), 0.05
                )

        asyncio.run(run())  # would wait for the thread that connects
        for connection in waiting:
            connection.close()


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_heaps_fail_after_the_pool_was_stopped(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue, size: int
) -> None:
    """Whoever would have sent them: the loop's thread small ones, a worker large ones."""

    async def run() -> None:
        stream = spead2.send.asyncio.InprocStream(pool, [queue])
        assert await stream.async_send_heap(make_heap(size)) > size
        sent = queue.qsize()
        pool.stop()
        for _ in range(2):
            with pytest.raises(OSError, match="thread pool was stopped") as caught:
                await stream.async_send_heap(make_heap(size))
            assert caught.value.errno == errno.ECANCELED
        assert queue.qsize() == sent

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["UdpStream", "InprocStream", "TcpStream"])
def test_programs_may_give_streams_attributes(
    pool: spead2.ThreadPool, queue: spead2.InprocQueue, receiver: socket.socket, kind: str
) -> None:
    """And put something else in the place of methods, as tests of programs do."""

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            stream: Any
            if kind == "TcpStream":
                endpoint = server.getsockname()
                stream = await spead2.send.asyncio.TcpStream.connect(pool, [endpoint])
            elif kind == "UdpStream":
                stream = spead2.send.asyncio.UdpStream(pool, [receiver.getsockname()])
            else:
                stream = spead2.send.asyncio.InprocStream(pool, [queue])
            stream.repeat_pointers = True
            assert stream.repeat_pointers
            with unittest.mock.patch.object(stream, "async_send_heap") as mocked:
                stream.async_send_heap(1, 2)
            mocked.assert_called_once_with(1, 2)
            assert await stream.async_send_heap(make_heap(SMALL)) > SMALL
            stream.itself = stream
        gone.append(weakref.ref(stream))

    gone: list[Any] = []
    asyncio.run(run())
    gc.collect()
    assert [alive() for alive in gone] == [None]
