# SPDX-License-Identifier: Apache-2.0
"""Blocking calls of streams: what they return, what they refuse, and that that is harmless."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import decoder
import numpy as np
import pytest

import spead2
import spead2.send
from spead2.send import (
    BytesStream,
    GroupMode,
    Heap,
    HeapReference,
    HeapReferenceList,
    InprocStream,
    PacketGenerator,
    RateMethod,
    StreamConfig,
)


def make_heap(size: int = 100, flavour: spead2.Flavour | None = None) -> Heap:
    heap = Heap(flavour or spead2.Flavour())
    value = np.arange(size).astype(np.uint8)
    heap.add_item(spead2.Item(0x10, "x", "", (size,), np.uint8, value=value))
    return heap


@pytest.fixture
def pool() -> spead2.ThreadPool:
    return spead2.ThreadPool()


def cnts(stream: BytesStream) -> list[int]:
    return [packet.cnt for packet in decoder.split(stream.getvalue())]


def test_packets_are_those_of_the_generator(pool: spead2.ThreadPool) -> None:
    stream = BytesStream(pool, StreamConfig(max_packet_size=88))
    heap = make_heap()
    packets = list(PacketGenerator(heap, 5, 88))
    assert stream.send_heap(heap, cnt=5) == sum(map(len, packets)) == len(stream.getvalue())
    assert stream.getvalue() == b"".join(packets)


def test_cnt_sequence(pool: spead2.ThreadPool) -> None:
    stream = BytesStream(pool)
    heap = make_heap()
    for cnt in (-1, 50, -2, -(2**63)):
        stream.send_heap(heap, cnt)
    stream.set_cnt_sequence(2**40 - 3, 2)
    for _ in range(3):
        stream.send_heap(heap)
    stream.set_cnt_sequence(next=0, step=2**64 - 1)
    stream.send_heap(heap)
    stream.send_heap(heap)
    assert cnts(stream) == [1, 50, 2, 3, 2**40 - 3, 2**40 - 1, 1, 0, 2**40 - 1]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((make_heap(), 2**40), OSError, str(2**40)),
        ((make_heap(), -1, 1), OSError, "substream_index 1"),
        ((make_heap(), -1, 2**64 - 1), OSError, str(2**64 - 1)),
        ((make_heap(), 2**63), TypeError, str(2**63)),
        ((make_heap(), 1.0), TypeError, "1.0"),
        ((make_heap(), -1, -1), TypeError, "-1"),
        ((make_heap(), -1, 0, "x"), TypeError, "x"),
        ((make_heap(), -1, 0, float("nan")), ValueError, "nan"),
        ((None,), TypeError, "None"),
        ((HeapReference(make_heap()),), TypeError, "HeapReference"),
        ((), TypeError, "heap"),
        ((make_heap(), 1, 0, 0.0, 5), TypeError, "5"),
    ],
)
def test_refused_heaps_change_nothing(
    pool: spead2.ThreadPool, arguments: tuple[Any, ...], error: type, text: str
) -> None:
    stream = BytesStream(pool)
    with pytest.raises(error, match=text) as caught:
        stream.send_heap(*arguments)
    if error is OSError:
        assert caught.value.errno == 22  # type: ignore[attr-defined]
    stream.send_heap(make_heap())
    assert cnts(stream) == [1]


@pytest.mark.parametrize(
    ("heaps", "mode", "error", "text"),
    [
        ([], GroupMode.SERIAL, OSError, "empty"),
        (HeapReferenceList([]), GroupMode.SERIAL, OSError, "empty"),
        ([HeapReference(make_heap())] * 5, GroupMode.SERIAL, BlockingIOError, "max_heaps 4"),
        ([HeapReference(make_heap()), None], GroupMode.SERIAL, TypeError, r"heaps\[1\].*None"),
        ([make_heap()], GroupMode.SERIAL, TypeError, r"heaps\[0\]"),
        (None, GroupMode.SERIAL, TypeError, "None"),
        ([HeapReference(make_heap())], 0, TypeError, "mode.*0"),
        ([HeapReference(make_heap())], "SERIAL", TypeError, "SERIAL"),
        (
            [HeapReference(make_heap()), HeapReference(make_heap(), cnt=2**40)],
            GroupMode.ROUND_ROBIN,
            OSError,
            str(2**40),
        ),
        (
            [HeapReference(make_heap()), HeapReference(make_heap(), substream_index=3)],
            GroupMode.SERIAL,
            OSError,
            "substream_index 3",
        ),
    ],
)
def test_refused_groups_change_nothing(
    pool: spead2.ThreadPool, heaps: Any, mode: Any, error: type, text: str
) -> None:
    stream = BytesStream(pool)
    with pytest.raises(error, match=text):
        stream.send_heaps(heaps, mode)
    stream.send_heaps(iter([HeapReference(make_heap())] * 4), GroupMode.SERIAL)
    assert cnts(stream) == [1, 2, 3, 4]


def test_order_of_groups(pool: spead2.ThreadPool) -> None:
    heaps = [HeapReference(make_heap(size)) for size in (100, 60, 1)]
    for mode, order in (
        (GroupMode.SERIAL, [1, 1, 1, 2, 2, 3]),
        (GroupMode.ROUND_ROBIN, [1, 2, 3, 1, 2, 1]),
    ):
        for form in (heaps, HeapReferenceList(heaps), tuple(heaps)):
            stream = BytesStream(pool, StreamConfig(max_packet_size=88))
            assert stream.send_heaps(form, mode) == len(stream.getvalue())
            assert cnts(stream) == order


def test_references(pool: spead2.ThreadPool) -> None:
    heap = make_heap()
    reference = HeapReference(heap, cnt=7)
    assert (reference.heap, reference.cnt, reference.substream_index, reference.rate) == (
        heap,
        7,
        0,
        -1.0,
    )
    heaps = HeapReferenceList([reference] * 5)
    reference.cnt = 9  # the list is a copy
    assert (len(heaps), len(heaps[1:]), len(heaps[::-2]), len(heaps[7:])) == (5, 4, 3, 0)
    stream = BytesStream(pool)
    stream.send_heaps(heaps[:1], GroupMode.SERIAL)
    stream.send_heaps([reference], GroupMode.SERIAL)
    assert cnts(stream) == [7, 9]
    with pytest.raises(ValueError, match="step"):
        heaps[::0]
    with pytest.raises(TypeError, match="slice"):
        heaps[0]  # type: ignore[index]
    with pytest.raises(AttributeError):
        reference.heap = heap  # type: ignore[misc]


def test_a_heap_may_change_while_it_is_sent(pool: spead2.ThreadPool) -> None:
    stream = BytesStream(pool, StreamConfig(rate=2e7, burst_size=100))
    heap = make_heap(1_000_000)
    expected = sum(map(len, PacketGenerator(heap, 1, 1472)))
    sizes: list[int] = []
    thread = threading.Thread(target=lambda: sizes.append(stream.send_heap(heap)))
    thread.start()
    while not stream.getvalue():
        pass
    for _ in range(100):
        heap.add_end()
    heap.repeat_pointers = True
    thread.join()
    assert sizes == [expected]
    assert stream.send_heap(heap) > expected


def test_memory_lives_as_long_as_it_is_needed(pool: spead2.ThreadPool) -> None:
    value = np.zeros(1000, np.uint8)
    alive = weakref.ref(value)
    heap = Heap()
    heap.add_item(spead2.Item(0x10, "x", "", (1000,), np.uint8, value=value))
    del value
    gc.collect()
    packets = PacketGenerator(heap, 1, 1472)
    heaps = HeapReferenceList([HeapReference(heap)])
    del heap
    BytesStream(pool).send_heaps(heaps, GroupMode.SERIAL)
    del heaps
    gc.collect()
    assert alive() is not None  # the generator has it
    assert b"".join(packets).endswith(bytes(1000))
    del packets
    gc.collect()
    assert alive() is None


def test_streams_may_outlive_their_pool() -> None:
    pool = spead2.ThreadPool(2)
    stream = BytesStream(pool)
    del pool
    gc.collect()
    assert stream.send_heap(make_heap()) > 0


@pytest.mark.parametrize("rate", [0.0, 1e5], ids=["", "paced"])
def test_blocking_calls_go_on_after_the_pool_was_stopped(
    pool: spead2.ThreadPool, rate: float
) -> None:
    """They need no worker; those of asyncio streams do, see test_asyncio.py."""
    stream = BytesStream(pool, StreamConfig(rate=rate, burst_size=100))
    pool.stop()
    pool.stop()
    heap = make_heap(20_000)
    assert stream.send_heap(heap, cnt=3) > 20_000
    assert stream.send_heaps([HeapReference(heap, cnt=4)], GroupMode.SERIAL) > 20_000
    assert {packet.cnt for packet in decoder.split(stream.getvalue())} == {3, 4}


def test_many_threads_on_one_stream(pool: spead2.ThreadPool) -> None:
    stream = BytesStream(pool, StreamConfig(max_heaps=100))
    heap = make_heap()
    errors: list[BaseException] = []

    def send() -> None:
        try:
            for _ in range(200):
                stream.send_heap(heap)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert cnts(stream) == list(range(1, 1601))


@pytest.mark.parametrize(
    ("keywords", "error", "text"),
    [
        ({"rate": -1}, ValueError, "-1"),
        ({"rate": float("nan")}, ValueError, "nan"),
        ({"rate": float("inf")}, ValueError, "inf"),
        ({"rate": "fast"}, TypeError, "fast"),
        ({"max_heaps": 0}, ValueError, "0"),
        ({"max_heaps": -1}, TypeError, "-1"),
        ({"max_heaps": 1.5}, TypeError, "1.5"),
        ({"burst_rate_ratio": 0.99}, ValueError, "0.99"),
        ({"burst_rate_ratio": float("inf")}, ValueError, "inf"),
        ({"burst_size": -1}, TypeError, "-1"),
        ({"max_packet_size": -1}, TypeError, "-1"),
        ({"rate_method": 0}, TypeError, "0"),
        ({"unknown": 3}, TypeError, "unknown"),
    ],
)
def test_bad_configuration(keywords: dict[str, Any], error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        StreamConfig(**keywords)
    if "unknown" not in keywords:
        config = StreamConfig()
        before = repr(config)
        ((name, value),) = keywords.items()
        with pytest.raises(error, match=text):
            setattr(config, name, value)
        assert repr(config) == before


def test_configuration() -> None:
    config = StreamConfig(rate=100, burst_rate_ratio=1.5, rate_method=RateMethod.SW)
    assert (config.max_packet_size, config.max_heaps, config.burst_size) == (1472, 4, 65536)
    assert (config.burst_rate, config.rate_method) == (150.0, RateMethod.SW)
    assert StreamConfig.DEFAULT_RATE_METHOD is RateMethod.AUTO
    assert StreamConfig(burst_rate_ratio=1).burst_rate_ratio == 1  # no catching up
    with pytest.raises(TypeError):
        StreamConfig(1472)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        config.burst_rate = 3  # type: ignore[misc]


def test_heaps_that_make_no_packets(pool: spead2.ThreadPool) -> None:
    stream = BytesStream(pool, StreamConfig(max_packet_size=56))
    assert stream.send_heap(make_heap()) == 388
    repeating = make_heap(8)
    repeating.add_start()
    repeating.repeat_pointers = True
    too_long = make_heap(300, spead2.Flavour(4, 64, 8))
    for heap in (repeating, too_long):
        with pytest.raises(ValueError, match=r"\d+"):
            stream.send_heap(heap)
        with pytest.raises(ValueError, match=r"\d+"):
            PacketGenerator(heap, 1, 56)
    with pytest.raises(ValueError, match="55"):
        PacketGenerator(make_heap(), 1, 55)
    assert set(cnts(stream)) == {1}


def test_inproc_queue(pool: spead2.ThreadPool) -> None:
    queue = spead2.InprocQueue()
    stream = InprocStream(pool, [queue, queue])
    assert stream.queues == [queue, queue]
    assert stream.num_substreams == 2
    with pytest.raises(spead2.Empty):
        queue.get_packet(timeout=0)
    queue.add_packet(np.arange(3, dtype=np.uint8))
    size = stream.send_heap(make_heap(), substream_index=1)
    assert queue.qsize() == 2
    reader: list[bytes] = []
    thread = threading.Thread(target=lambda: reader.extend(queue))
    thread.start()
    queue.add_packet(b"")
    queue.stop()
    thread.join()
    assert [len(packet) for packet in reader] == [3, size, 0]
    with pytest.raises(spead2.Stopped):
        queue.add_packet(b"abc")
    with pytest.raises(spead2.Stopped):
        queue.get_packet()
    for _ in range(2):
        with pytest.raises(OSError, match="inproc"):
            stream.send_heap(make_heap())
    for queues in ([], [None], queue, [3]):
        with pytest.raises((ValueError, TypeError)):
            InprocStream(pool, queues)
    for bad in ("abc", None, 3, np.arange(6)[::2], memoryview(b"abcd")[::2]):
        with pytest.raises((TypeError, ValueError, BufferError)):
            spead2.InprocQueue().add_packet(bad)
