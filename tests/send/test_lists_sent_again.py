# SPDX-License-Identifier: Apache-2.0
"""HeapReferenceLists that are sent many times: packets are made once, then brought up to date.

What the packets must be each time is known from ``PacketGenerator``, which makes all of them anew.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import socket
import weakref
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import recipes
import strategies
from recipes import heap_of

import spead2
import spead2.send.asyncio
from spead2.send import (
    BytesStream,
    GroupMode,
    Heap,
    HeapReference,
    HeapReferenceList,
    InprocStream,
    PacketGenerator,
    StreamConfig,
    TcpStream,
)

POOL = spead2.ThreadPool()
SERIAL = GroupMode.SERIAL


def generated(heaps: list[Heap], first: int = 1, step: int = 1, size: int = 1472) -> bytes:
    """Return the packets of heaps that need one each."""
    packets = [list(PacketGenerator(h, first + step * i, size)) for i, h in enumerate(heaps)]
    assert all(len(p) == 1 for p in packets)
    return b"".join(p[0] for p in packets)


def sent(stream: BytesStream, group: Any, mode: GroupMode = SERIAL) -> bytes:
    """Return what sending a group adds to a stream."""
    before = len(stream.getvalue())
    count = stream.send_heaps(group, mode)
    value = stream.getvalue()[before:]
    assert count == len(value)
    return value


def mixed_heaps(count: int) -> tuple[list[Heap], list[np.ndarray[Any, Any]]]:
    """Make heaps whose values are immediates, copied or gathered, or all of these."""
    arrays = []
    heaps = []
    for i in range(count):
        late = np.array(i, ">u4")
        small = np.full(1 + i % 256, i % 251, np.uint8)
        large = np.full(257 + i % 300, (i + 1) % 251, np.uint8)
        values = [[late, large], [small, large, late, small], [large, large], [small]][i % 4]
        arrays += values
        heaps.append(heap_of(*values))
    return heaps, arrays


@pytest.mark.parametrize("mode", list(GroupMode))
@pytest.mark.parametrize("count", [1, 2, 511, 512, 513, 1500])
def test_values_and_cnts_are_those_of_each_time(mode: GroupMode, count: int) -> None:
    heaps, arrays = mixed_heaps(count)
    stream = BytesStream(POOL, StreamConfig(max_heaps=count, max_packet_size=1472))
    stream.set_cnt_sequence(2**40 - 700, 3)  # beyond what a cnt has room for, and round again
    group = HeapReferenceList([HeapReference(h) for h in heaps])
    cnt = 2**40 - 700
    seen = set()
    for _ in range(5):
        seen.add(sent(stream, group, mode))
        assert stream.getvalue().endswith(
            b"".join(
                next(iter(PacketGenerator(h, (cnt + 3 * i) % 2**40, 1472)))
                for i, h in enumerate(heaps)
            )
        )
        cnt += 3 * count
        for array in arrays:
            np.add(array, 1, out=array, casting="unsafe")
    assert len(seen) == 5


@hypothesis.given(data=st.data())
@hypothesis.settings(deadline=None, max_examples=150)
def test_any_list_is_the_same_each_time(data: st.DataObject) -> None:
    size = data.draw(st.one_of(strategies.packet_sizes(), st.just(1472), st.just(65504)))
    flavours = [data.draw(strategies.flavours(40)) for _ in range(data.draw(st.integers(1, 2)))]
    heaps = []
    for _ in range(data.draw(st.integers(1, 5))):
        recipe, _ = data.draw(strategies.heap_samples(data.draw(st.sampled_from(flavours)), 3))
        heaps.append(recipes.make_heap(recipe))
    try:
        packets = [len(list(PacketGenerator(h, 1, size))) for h in heaps]
    except ValueError:
        hypothesis.reject()
    hypothesis.event(f"one packet each: {max(packets) == 1}")
    stream = BytesStream(POOL, StreamConfig(max_packet_size=size, max_heaps=5))
    group = HeapReferenceList([HeapReference(h) for h in heaps])
    for turn in range(3):
        expected = b"".join(
            b"".join(PacketGenerator(h, 1 + turn * len(heaps) + i, size))
            for i, h in enumerate(heaps)
        )
        assert sent(stream, group) == expected


def test_lists_of_other_packet_sizes_in_between() -> None:
    heaps, _ = mixed_heaps(20)
    group = HeapReferenceList([HeapReference(h) for h in heaps])
    sizes = [1472, 1472, 1472, 600, 1472, 1472, 600, 600, 1200]
    streams = {s: BytesStream(POOL, StreamConfig(max_packet_size=s, max_heaps=20)) for s in sizes}
    cnts = dict.fromkeys(sizes, 1)
    for size in sizes:
        expected = [b"".join(PacketGenerator(h, cnts[size] + i, size)) for i, h in enumerate(heaps)]
        assert sent(streams[size], group) == b"".join(expected)
        cnts[size] += 20


@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_heaps_that_change_after_some_times(times: int) -> None:
    heaps = [heap_of(np.full(400, i, np.uint8)) for i in range(3)]
    group = HeapReferenceList([HeapReference(h) for h in heaps])
    stream = BytesStream(POOL)
    for turn in range(times):
        assert sent(stream, group) == generated(heaps, 1 + 3 * turn)
    heaps[1].add_item(spead2.Item(0x2000, "y", "", (), np.uint8, value=np.uint8(9)))
    for turn in range(times, times + 3):
        assert sent(stream, group) == generated(heaps, 1 + 3 * turn)


@pytest.mark.parametrize("how", ["cnt", "rate", "stream's rate"])
def test_lists_with_cnts_and_rates(how: str) -> None:
    options = {"cnt": {"cnt": 77}, "rate": {"rate": 1e9}}.get(how, {})
    heaps = [heap_of(np.full(400, i, np.uint8)) for i in range(3)]
    group = HeapReferenceList([HeapReference(h, **options) for h in heaps])
    stream = BytesStream(POOL, StreamConfig(rate=1e9 if how == "stream's rate" else 0.0))
    for turn in range(4):
        first, step = (77, 0) if how == "cnt" else (1 + 3 * turn, 1)
        assert sent(stream, group) == generated(heaps, first, step)


def test_paced_streams_pace_them() -> None:
    """The same list to a stream without a rate and to one with a rate: the second is held to it."""
    heaps = [heap_of(np.full(1000, i, np.uint8)) for i in range(10)]
    group = HeapReferenceList([HeapReference(h) for h in heaps])
    fast = BytesStream(POOL, StreamConfig(max_heaps=10))
    for _ in range(3):
        sent(fast, group)
    queue = spead2.InprocQueue()
    slow = InprocStream(POOL, [queue], StreamConfig(rate=1e4, burst_size=0, max_heaps=10))
    with concurrent.futures.ThreadPoolExecutor() as executor:
        call = executor.submit(slow.send_heaps, group, SERIAL)  # a second long
        packets = [queue.get_packet()]
        assert not call.done()
        packets += [queue.get_packet() for _ in range(9)]
        assert call.result() == len(b"".join(packets))
    assert b"".join(packets) == generated(heaps)


def test_substreams() -> None:
    queues = [spead2.InprocQueue() for _ in range(3)]
    stream = InprocStream(POOL, queues, StreamConfig(max_heaps=6))
    heaps = [heap_of(np.full(300 + i, i, np.uint8)) for i in range(6)]
    group = HeapReferenceList(
        [HeapReference(h, substream_index=i % 3) for i, h in enumerate(heaps)]
    )
    for turn in range(4):
        stream.send_heaps(group, GroupMode.ROUND_ROBIN)
        for i in range(6):
            (expected,) = PacketGenerator(heaps[i], 1 + 6 * turn + i, 1472)
            assert queues[i % 3].get_packet() == expected


def test_refusals_leave_the_list_usable() -> None:
    heaps = [heap_of(np.full(300, i, np.uint8)) for i in range(3)]
    group = HeapReferenceList([HeapReference(h, substream_index=i) for i, h in enumerate(heaps)])
    queues = [spead2.InprocQueue() for _ in range(3)]
    good = InprocStream(POOL, queues)
    for _ in range(3):
        good.send_heaps(group, SERIAL)
        with pytest.raises(OSError, match=r"substream_index 2 is out of range.* 2 substreams"):
            InprocStream(POOL, queues[:2]).send_heaps(group, SERIAL)
        with pytest.raises(BlockingIOError, match="3 more heaps do not fit"):
            InprocStream(POOL, queues, StreamConfig(max_heaps=2)).send_heaps(group, SERIAL)
    expected = [next(iter(PacketGenerator(heaps[2], cnt, 1472))) for cnt in (3, 6, 9)]
    assert [queues[2].get_packet() for _ in range(3)] == expected


def test_a_failure_is_told_each_time() -> None:
    queue = spead2.InprocQueue()
    heaps = [heap_of(np.full(300, i, np.uint8)) for i in range(3)]
    group = HeapReferenceList([HeapReference(h) for h in heaps])
    stream = InprocStream(POOL, [queue])
    for _ in range(2):
        stream.send_heaps(group, SERIAL)
    queue.stop()
    for _ in range(3):
        with pytest.raises(OSError, match="sending to inproc"):
            stream.send_heaps(group, SERIAL)


@pytest.mark.parametrize("rate", [0.0, 1e7])
def test_one_list_many_times_in_flight(rate: float) -> None:
    """Each time has its own cnts, although the packets of the one before are not sent yet."""
    heaps, _ = mixed_heaps(8)
    group = HeapReferenceList([HeapReference(h) for h in heaps])
    queue = spead2.InprocQueue()

    async def run() -> None:
        config = StreamConfig(rate=rate, max_heaps=320)
        stream = spead2.send.asyncio.InprocStream(POOL, [queue], config)
        for _ in range(3):
            await asyncio.gather(*[stream.async_send_heaps(group, SERIAL) for _ in range(40)])

    asyncio.run(run())
    queue.stop()
    assert b"".join(queue) == generated(heaps * 120)


def test_another_stream_while_a_list_is_being_sent() -> None:
    """Packets that wait for the first stream's receiver keep the cnts that they were given."""
    # More than is buffered.
    heaps = [heap_of(np.full(60_000, i % 251, np.uint8)) for i in range(400)]
    config = StreamConfig(max_packet_size=65_504, max_heaps=400)
    memory = BytesStream(POOL, config)
    group = HeapReferenceList([HeapReference(h) for h in heaps])
    expected = generated(heaps, size=65_504)
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = TcpStream(POOL, [server.getsockname()], config)
        peer, _ = server.accept()
    with peer, concurrent.futures.ThreadPoolExecutor() as executor:
        memory.send_heaps(group, SERIAL)
        memory.send_heaps(group, SERIAL)
        call = executor.submit(stream.send_heaps, group, SERIAL)
        peer.recv(1, socket.MSG_PEEK)  # it has begun
        assert sent(memory, group) == generated(heaps, first=801, size=65_504)
        assert not call.done()
        assert peer.recv(len(expected), socket.MSG_WAITALL) == expected
        assert call.result() == len(expected)


def test_threads_that_send_one_list() -> None:
    """To a stream of each and to one of all: every packet whole, every cnt once."""
    heaps, _ = mixed_heaps(100)
    group = HeapReferenceList([HeapReference(h) for h in heaps])
    together = BytesStream(POOL, StreamConfig(max_heaps=1000))

    def send(_: int) -> bytes:
        own = BytesStream(POOL, StreamConfig(max_heaps=100))
        for _ in range(50):
            own.send_heaps(group, SERIAL)
            together.send_heaps(group, SERIAL)
        return own.getvalue()

    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        values = list(executor.map(send, range(4)))
    assert values == [generated(heaps * 50)] * 4
    assert together.getvalue() == generated(heaps * 200)


def test_a_list_keeps_no_more_than_its_heaps() -> None:
    array = np.zeros(500, np.uint8)
    heap = heap_of(array)
    group = HeapReferenceList([HeapReference(heap)])
    stream = BytesStream(POOL)
    for _ in range(3):
        stream.send_heaps(group, SERIAL)
    gone = [weakref.ref(heap), weakref.ref(array), weakref.ref(group)]
    del heap, array, group
    gc.collect()
    assert [reference() for reference in gone] == [None] * 3


def test_a_list_may_go_while_it_is_sent() -> None:
    queue = spead2.InprocQueue()
    heaps = [heap_of(np.full(300, i, np.uint8)) for i in range(200)]
    expected = generated(heaps * 3)

    async def run() -> None:
        stream = spead2.send.asyncio.InprocStream(POOL, [queue], StreamConfig(max_heaps=600))
        group = HeapReferenceList([HeapReference(h) for h in heaps])
        futures = [stream.async_send_heaps(group, SERIAL) for _ in range(3)]
        del group
        heaps.clear()
        gc.collect()
        await asyncio.gather(*futures)

    asyncio.run(run())
    queue.stop()
    assert b"".join(queue) == expected
