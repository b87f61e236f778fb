# SPDX-License-Identifier: Apache-2.0
"""Chunks as a program sees them: their memory, rings, place functions, streams and their ends."""

from __future__ import annotations

import asyncio
import copy
import gc
import itertools
import logging
import os
import select
import signal
import threading
import weakref
from typing import Any

import numpy as np
import packets
import place_functions
import pytest

import spead2
import spead2._spead2
import spead2.recv as recv
import spead2.recv.asyncio

HEAP_SIZE = 16
HEAPS = 4
TIME = 0x1600


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    return place_functions.build(tmp_path_factory.mktemp("place"))


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.INFO, "spead2")

    def lines() -> list[str]:
        end = "all of the log is here"
        spead2._spead2.log_info(end)
        while not any(record.getMessage() == end for record in caplog.records):
            threading.Event().wait(0.001)
        return [r.getMessage() for r in caplog.records if r.getMessage() != end]

    return lines


def make_chunk(**more: Any) -> recv.Chunk:
    return recv.Chunk(
        data=np.full(HEAP_SIZE * HEAPS, 0xFF, np.uint8), present=np.ones(HEAPS, np.uint8), **more
    )


def timed(time: int, size: int = HEAP_SIZE) -> bytes:
    """Return a heap of one packet with its time, of which all bytes are the time."""
    return packets.whole(time + 1, (0x1000, bytes([time % 256]) * size), (TIME, time)).encode()


def by_time(**more: Any) -> recv.ChunkStreamConfig:
    rule = recv.PlacementRule(HEAP_SIZE, time_per_chunk=HEAPS, time_per_heap=1)
    return recv.ChunkStreamConfig(**{"items": [TIME], "place": rule, **more})


class Source:
    """A chunk stream with rings of its own, and the queue that it reads."""

    def __init__(
        self,
        config: recv.ChunkStreamConfig,
        chunks: int = 50,
        ring: type[recv.ChunkRingbuffer] = recv.ChunkRingbuffer,
        stream_config: recv.StreamConfig | None = None,
    ) -> None:
        self.queue = spead2.InprocQueue()
        self.stream = recv.ChunkRingStream(
            spead2.ThreadPool(), stream_config or recv.StreamConfig(), config, ring(100), ring(100)
        )
        for _ in range(chunks):
            self.stream.add_free_chunk(make_chunk())
        self.stream.add_inproc_reader(self.queue)

    def send(self, *sent: bytes) -> None:
        for packet in sent:
            self.queue.add_packet(packet)

    def end(self) -> list[tuple[int, list[int]]]:
        self.queue.stop()
        return [(c.chunk_id, list(c.present)) for c in self.stream.data_ringbuffer]


# ---- Chunks


def test_chunks_keep_the_very_objects() -> None:
    data, present, extra = bytearray(8), np.zeros(4, np.uint16), memoryview(bytearray(3))
    chunk = recv.Chunk(chunk_id=-5, stream_id=2**64 - 1, data=data, present=present, extra=extra)
    assert chunk.data is data
    assert chunk.present is present
    assert chunk.extra is extra
    assert (chunk.chunk_id, chunk.stream_id) == (-5, 2**64 - 1)
    chunk.data = None
    assert chunk.data is None
    data.append(1)  # not exported any more
    with pytest.raises(BufferError):
        extra.obj.append(1)  # type: ignore[attr-defined]
    empty = recv.Chunk()
    assert (empty.chunk_id, empty.stream_id, empty.data, empty.present, empty.extra) == (
        -1, 0, None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"data": b"read-only"}, BufferError),
        ({"present": np.zeros((4, 4))[:, 1]}, BufferError),
        ({"extra": "text"}, TypeError),
        ({"chunk_id": 2**63}, TypeError),
        ({"chunk_id": 1.5}, TypeError),
        ({"stream_id": -1}, TypeError),
        ({"unknown": 1}, TypeError),
    ],
)
def test_chunks_refuse(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        recv.Chunk(**wrong)


def test_chunks_are_no_values() -> None:
    for thing in (make_chunk(), recv.ChunkRingbuffer(1), by_time()):
        with pytest.raises(TypeError):
            copy.copy(thing)
        with pytest.raises(AttributeError):
            thing.unknown = 1  # type: ignore[attr-defined]
        assert weakref.ref(thing)() is thing
    with pytest.raises(TypeError):
        recv.ChunkRingPair()


class Special(recv.Chunk):
    """A chunk that knows more."""

    def __init__(self, number: int) -> None:
        super().__init__(data=bytearray(8), present=bytearray(1))
        self.number = number


# ---- Rings


def test_rings_move_the_buffers() -> None:
    ring = recv.ChunkRingbuffer(2)
    assert ring.empty()
    assert not ring.full()
    assert (ring.qsize(), ring.maxsize) == (0, 2)
    chunk = Special(7)
    data = chunk.data
    ring.put(chunk)
    assert chunk.data is None
    assert chunk.present is None
    with pytest.raises(ValueError, match="data buffer is not set"):
        ring.put_nowait(chunk)
    ring.put_nowait(make_chunk())
    other = make_chunk()
    with pytest.raises(spead2.Full):
        ring.put_nowait(other)
    assert other.data is not None
    assert ring.full()
    number = id(chunk)
    del chunk
    gc.collect()
    back = ring.get()
    assert isinstance(back, Special)
    assert (id(back), back.number) == (number, 7)
    assert back.data is data
    ring.get_nowait()
    with pytest.raises(spead2.Empty):
        ring.get_nowait()
    chunk = recv.Chunk(data=bytearray(1))
    with pytest.raises(ValueError, match="present buffer is not set"):
        ring.put(chunk)


def test_rings_stop() -> None:
    ring = recv.ChunkRingbuffer(2)
    ring.put(make_chunk())
    assert ring.stop()
    assert not ring.stop()
    kept = make_chunk()
    for put in (ring.put, ring.put_nowait):
        with pytest.raises(spead2.Stopped):
            put(kept)
    assert kept.data is not None
    assert len(list(ring)) == 1
    for get in (ring.get, ring.get_nowait):
        with pytest.raises(spead2.Stopped):
            get()


def test_rings_count_producers() -> None:
    ring = recv.ChunkRingbuffer(1)
    assert not ring.remove_producer()
    ring.add_producer()
    ring.add_producer()
    assert not ring.remove_producer()
    ring.put(make_chunk())
    assert ring.remove_producer()
    assert len(list(ring)) == 1


def test_rings_without_room() -> None:
    ring = recv.ChunkRingbuffer(0)
    assert ring.full()
    assert ring.empty()
    with pytest.raises(spead2.Full):
        ring.put_nowait(make_chunk())
    with pytest.raises(TypeError):
        recv.ChunkRingbuffer(-1)
    with pytest.raises((MemoryError, ValueError)):
        recv.ChunkRingbuffer(2**63)


def readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def test_rings_can_be_polled() -> None:
    ring = recv.ChunkRingbuffer(1)
    assert (readable(ring.data_fd), readable(ring.space_fd)) == (False, True)
    ring.put(make_chunk())
    assert (readable(ring.data_fd), readable(ring.space_fd)) == (True, False)
    ring.stop()
    assert (readable(ring.data_fd), readable(ring.space_fd)) == (True, True)


@pytest.mark.parametrize("what", ["get", "put"])
def test_waiting_gives_way_to_signals(what: str) -> None:
    ring = recv.ChunkRingbuffer(0)
    chunk = make_chunk()
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        ring.get() if what == "get" else ring.put(chunk)
    timer.join()
    assert chunk.data is not None


def test_threads_pass_chunks_on() -> None:
    first, second = recv.ChunkRingbuffer(2), recv.ChunkRingbuffer(1)
    first.add_producer()
    second.add_producer()

    def pass_on() -> None:
        for chunk in first:
            second.put(chunk)
        second.remove_producer()

    def produce() -> None:
        for i in range(200):
            first.put(make_chunk(chunk_id=i))
        first.remove_producer()

    threads = [threading.Thread(target=run) for run in (pass_on, produce)]
    for thread in threads:
        thread.start()
    assert [chunk.chunk_id for chunk in second] == list(range(200))
    for thread in threads:
        thread.join()


# ---- Configuration


def test_configuration() -> None:
    config = recv.ChunkStreamConfig()
    assert (config.items, config.max_chunks, config.place, config.max_heap_extra) == (
        [],
        2,
        None,
        0,
    )
    assert config.max_chunks == recv.ChunkStreamConfig.DEFAULT_MAX_CHUNKS
    config.items = [1, np.uint64(2)]  # type: ignore[list-item]
    config.items.append(3)
    assert config.items == [1, 2]
    assert config.packet_presence_payload_size == 0
    assert config.enable_packet_presence(8) is config
    assert config.packet_presence_payload_size == 8
    assert config.disable_packet_presence() is config
    assert config.packet_presence_payload_size == 0
    with pytest.raises(ValueError, match="payload_size must not be zero"):
        config.enable_packet_presence(0)
    with pytest.raises(AttributeError):
        config.packet_presence_payload_size = 1  # type: ignore[misc]
    with pytest.raises(ValueError, match="max_chunks cannot be 0"):
        config.max_chunks = 0
    for wrong in ({"items": [-1]}, {"items": 3}, {"items": ["x"]}, {"max_chunks": 1.0}, {"x": 1}):
        with pytest.raises(TypeError):
            recv.ChunkStreamConfig(**wrong)


def test_place_is_checked(library: str) -> None:
    good = place_functions.function(library, "by_time")
    config = recv.ChunkStreamConfig(place=good)
    assert config.place is good
    config.place = None
    assert config.place is None
    config.place = list(good)  # type: ignore[assignment]
    with pytest.raises(IndexError):
        config.place = ()
    for wrong in ((1,), 1, "text", [None]):
        with pytest.raises(TypeError):
            config.place = wrong  # type: ignore[assignment]
    with pytest.raises(ValueError, match="Signature missing from capsule"):
        config.place = place_functions.capsule(good[2], None)
    with pytest.raises(ValueError, match=r'Invalid callback signature "int \(\)"'):
        config.place = place_functions.capsule(good[2], b"int ()")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"time_per_chunk": 0}, ValueError),
        ({"time_per_heap": -1}, ValueError),
        ({"axes": [(0, 0)]}, ValueError),
        ({"axes": [(0, 2, 0, 0)]}, ValueError),
        ({"axes": [(0,)]}, ValueError),
        ({"axes": [(0, 1, 2, 3, 4, 5)]}, ValueError),
        ({"axes": [(0, 2**62), (1, 2**62)]}, ValueError),
        ({"axes": [3]}, TypeError),
        ({"axes": ["ab"]}, TypeError),
        ({"axes": [(-1, 2)]}, TypeError),
        ({"heap_size": 0.5}, TypeError),
    ],
)
def test_rules_are_checked(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        recv.PlacementRule(**{"heap_size": 1, "time_per_chunk": 1, **wrong})


def test_streams_check_their_configuration() -> None:
    rings = recv.ChunkRingbuffer(1), recv.ChunkRingbuffer(1)
    pool = spead2.ThreadPool()
    with pytest.raises(ValueError, match="place is not set"):
        recv.ChunkRingStream(pool, recv.StreamConfig(), recv.ChunkStreamConfig(), *rings)
    with pytest.raises(ValueError, match="item number 0, but there are only 0"):
        recv.ChunkRingStream(pool, recv.StreamConfig(), by_time(items=[]), *rings)
    config = recv.StreamConfig()
    config.add_stat("rejected_heaps")
    with pytest.raises(ValueError, match="rejected_heaps"):
        recv.ChunkRingStream(pool, config, by_time(), *rings)
    for wrong in ((None, rings[1]), (rings[0], None)):
        with pytest.raises(TypeError):
            recv.ChunkRingStream(pool, recv.StreamConfig(), by_time(), *wrong)  # type: ignore[arg-type]
    stream = recv.ChunkRingStream(
        pool, chunk_stream_config=by_time(), data_ringbuffer=rings[0], free_ringbuffer=rings[1]
    )
    assert stream.data_ringbuffer is rings[0]
    assert stream.free_ringbuffer is rings[1]
    assert isinstance(stream, recv.ChunkRingPair)
    assert [stat.name for stat in stream.config.stats][-2:] == ["too_old_heaps", "rejected_heaps"]
    assert not hasattr(stream, "get")
    assert not hasattr(stream, "__iter__")


# ---- Streams


def places(library: str) -> list[Any]:
    settings = place_functions.Settings(HEAPS, HEAP_SIZE, 0, 1, 0)
    return [
        recv.PlacementRule(HEAP_SIZE, time_per_chunk=HEAPS, time_per_heap=1),
        place_functions.function(library, "by_time"),
        place_functions.function(library, "by_settings", settings),
    ]


@pytest.mark.parametrize("place", range(3))
def test_heaps_go_where_they_belong(place: int, library: str) -> None:
    source = Source(by_time(place=places(library)[place]))
    source.send(*map(timed, (0, 2, 5, 3, 9, 1)))
    source.queue.stop()
    chunks = list(source.stream.data_ringbuffer)
    assert [(c.chunk_id, list(c.present)) for c in chunks] == [
        (0, [1, 0, 1, 1]), (1, [0, 1, 0, 0]), (2, [0, 1, 0, 0]),
    ]  # fmt: skip
    for chunk in chunks:
        for i in np.flatnonzero(chunk.present):
            heap = chunk.data.reshape(HEAPS, HEAP_SIZE)[i]
            assert set(heap) == {chunk.chunk_id * HEAPS + i}
    stats = source.stream.stats
    assert (stats["too_old_heaps"], stats["rejected_heaps"], stats[9]) == (1, 0, 1)


@pytest.mark.parametrize("memcpy", [spead2.MEMCPY_STD, spead2.MEMCPY_NONTEMPORAL])
@pytest.mark.parametrize("out_of_order", [False, True])
@pytest.mark.parametrize("how", ["all at once", "one by one"])
def test_payload_of_one_place_comes_in_the_order_of_packets(
    memcpy: int, out_of_order: bool, how: str
) -> None:
    # Heaps of one packet and of several, which come mixed and overwrite each other in a few places;
    # more than is copied at once.
    size, places = 3000, 3
    rule = recv.PlacementRule(size, time_per_chunk=places, time_per_heap=1)
    stream = recv.ChunkRingStream(
        spead2.ThreadPool(),
        recv.StreamConfig(memcpy=memcpy, allow_out_of_order=out_of_order, max_heaps=1000),
        recv.ChunkStreamConfig(items=[TIME], place=rule),
        recv.ChunkRingbuffer(4),
        recv.ChunkRingbuffer(4),
    )
    for _ in range(3):
        stream.add_free_chunk(
            recv.Chunk(data=np.zeros(size * places, np.uint8), present=np.zeros(places, np.uint8))
        )
    random = np.random.default_rng(1)
    expected = np.zeros((2, places, size), np.uint8)
    sent: list[bytes] = []
    # Cnt, time, payload, and offsets that are to come.
    begun: list[tuple[int, int, Any, list[int]]] = []
    for cnt in range(1, 601):
        time = int(random.integers(places)) + (places if cnt > 300 else 0)
        payload = random.integers(256, size=size, dtype=np.uint8)
        begun.append((cnt, time, payload, [0] if random.integers(2) else [0, 1000, 2000]))
        while len(begun) > (3 if cnt < 600 else 0):
            one, time, payload, offsets = begun[int(random.integers(len(begun)))]
            at = offsets.pop(0)
            part = payload[at : offsets[0] if offsets else size]
            begun = [heap for heap in begun if heap[3]]
            pointers: list[tuple[int, ...]] = [(TIME, time), (0x1000, 0, None)]
            sent.append(packets.Packet(one, part.tobytes(), at, size, pointers).encode())
            expected[time // places, time % places, at : at + len(part)] = part
    if how == "all at once":
        stream.add_buffer_reader(b"".join(sent))
    else:
        queue = spead2.InprocQueue()
        stream.add_inproc_reader(queue)
        for packet in sent:
            queue.add_packet(packet)
        queue.stop()
    chunks = list(stream.data_ringbuffer)
    assert [chunk.chunk_id for chunk in chunks] == [0, 1]
    for chunk, what in zip(chunks, expected):
        assert list(chunk.present) == [1] * places
        assert np.array_equal(chunk.data.reshape(places, size), what)


def test_rules_with_axes() -> None:
    # 2 times of 10 each a chunk, 3 antennas, 2 channels from 100 on in steps of 4.
    rule = recv.PlacementRule(2, 20, [(1, 3), (2, 2, 100, 4)], 10, time_first=1000)
    config = recv.ChunkStreamConfig(items=[TIME, 0x4000, 0x4001], place=rule, max_chunks=1)
    source = Source(config, chunks=0)
    for _ in range(3):
        source.stream.add_free_chunk(recv.Chunk(data=bytearray(24), present=bytearray(12)))
    cnt = itertools.count(1)

    def heap(time: int, antenna: int, channel: int) -> bytes:
        items = [(TIME, time), (0x4000, antenna), (0x4001, channel)]
        return packets.whole(next(cnt), (0x1000, b"ab"), *items).encode()

    good = [(1000, 0, 100), (1010, 0, 100), (1019, 2, 104), (1020, 1, 103), (1039, 2, 104)]
    bad = [(999, 0, 100), (1020, 3, 100), (1020, 0, 99), (1020, 0, 108)]
    source.send(*(heap(*values) for values in good + bad))
    assert source.end() == [
        (0, [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]),
        (1, [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ]
    assert source.stream.stats["rejected_heaps"] == 4


def test_place_is_told_and_answers(library: str) -> None:
    stream_config = recv.StreamConfig(stream_id=77)
    stat = stream_config.add_stat("bytes")
    settings = place_functions.Settings(HEAPS, HEAP_SIZE, stat, 1, 2)
    place = place_functions.function(library, "by_settings", settings)
    config = by_time(place=place, items=[TIME, 1], max_heap_extra=2)
    source = Source(config, chunks=0, stream_config=stream_config)
    source.stream.add_free_chunk(make_chunk(extra=bytearray(8)))
    source.stream.add_free_chunk(make_chunk(extra=bytearray(8)))
    source.send(timed(1), timed(2))
    source.queue.stop()
    (chunk, *_) = source.stream.data_ringbuffer
    assert chunk.stream_id == 77
    assert bytes(chunk.extra) == bytes([0, 0, 3, 3, 5, 5, 0, 0])
    assert source.stream.stats["bytes"] == 2 * (len(timed(1)) + 80)


def test_answers_that_do_not_fit_are_refused(library: str, log: Any) -> None:
    items = [TIME + i for i in range(5)]
    place = place_functions.function(library, "as_told")
    config = recv.ChunkStreamConfig(items=items, place=place, max_heap_extra=4)
    source = Source(config, chunks=0)
    chunks = [make_chunk(extra=bytearray(4)) for _ in range(2)]
    memory = [(chunk.data, chunk.extra) for chunk in chunks]
    for chunk in chunks:
        source.stream.add_free_chunk(chunk)
    answers = [
        (0, 0, 49, 0, 0), (0, 0, 2**39, 0, 0), (0, 4, 0, 0, 0), (0, 2**38, 0, 0, 0),
        (0, 0, 0, 0, 5), (0, 0, 0, 4, 1), (0, 0, 0, 2**39, 4), (0, 0, 48, 0, 4),
    ]  # fmt: skip
    for cnt, answer in enumerate(answers):
        told = [(identifier, value) for identifier, value in zip(items, answer)]
        source.send(packets.whole(cnt, (0x1000, b"x" * HEAP_SIZE), *told).encode())
    assert [present for _, present in source.end()] == [[1, 0, 0, 0], [0, 0, 0, 0]][:1]
    assert source.stream.stats["rejected_heaps"] == 7
    assert bytes(memory[0][0]) == b"\xff" * 48 + b"x" * 16
    assert all(bytes(data) == b"\xff" * 64 for data, _ in memory[1:])
    lines = log()
    assert len(lines) == 7
    assert lines[0] == (
        "heap rejected because place gave heap_offset 49, but its chunk has room for 64"
    )


def test_heaps_without_payload_are_not_placed() -> None:
    source = Source(by_time())
    source.send(timed(0, size=0), timed(1))
    assert source.end() == [(0, [0, 1, 0, 0])]
    assert source.stream.stats["heaps"] == 2


def test_packets_can_be_marked(library: str) -> None:
    settings = place_functions.Settings(1, HEAP_SIZE, 0, 2, 0)
    place = place_functions.function(library, "by_settings", settings)
    config = by_time(place=place, items=[TIME, 1]).enable_packet_presence(4)
    source = Source(config)
    pieces = packets.cut(packets.whole(1, (0x1000, b"x" * HEAP_SIZE), (TIME, 0)), 4, 8, 12)
    source.send(pieces[0].encode(), pieces[1].encode(), pieces[3].encode())
    assert source.end() == [(0, [1, 1, 0, 0])]
    assert source.stream.stats["heaps"] == 1


def test_a_stream_waits_for_chunks_and_room() -> None:
    source = Source(by_time(max_chunks=1), chunks=0)
    source.send(*map(timed, range(0, 400, 4)))
    source.queue.stop()
    for _ in range(3):
        source.stream.add_free_chunk(make_chunk())
    ids = []
    for chunk in source.stream.data_ringbuffer:
        ids.append(chunk.chunk_id)
        source.stream.add_free_chunk(chunk)
    assert ids == list(range(100))
    assert source.stream.stats["worker_blocked"] == 0


def test_stop_stops_both_rings(log: Any) -> None:
    source = Source(by_time())
    source.send(timed(0))
    while source.stream.stats["heaps"] == 0:
        threading.Event().wait(0.001)
    source.stream.stop()
    for ring in (source.stream.data_ringbuffer, source.stream.free_ringbuffer):
        with pytest.raises(spead2.Stopped):
            ring.put(make_chunk())
    assert log() == ["dropped chunk 0 due to external stop"]
    chunk = make_chunk()
    source.stream.add_free_chunk(chunk)  # does nothing
    assert chunk.data is not None


def test_add_free_chunk_clears_present_and_refuses() -> None:
    free = recv.ChunkRingbuffer(1)
    stream = recv.ChunkRingStream(
        spead2.ThreadPool(), recv.StreamConfig(), by_time(), recv.ChunkRingbuffer(1), free
    )
    with pytest.raises(ValueError, match="data buffer is not set"):
        stream.add_free_chunk(recv.Chunk())
    with pytest.raises(TypeError):
        stream.add_free_chunk(None)  # type: ignore[arg-type]
    chunk = make_chunk()
    stream.add_free_chunk(chunk)
    other = make_chunk()
    with pytest.raises(spead2.Full):
        stream.add_free_chunk(other)
    assert other.data is not None
    assert list(free.get().present) == [0] * HEAPS
    free.put(other)
    assert free.get() is other


def test_one_data_ring_of_two_streams() -> None:
    first = Source(by_time())
    queue = spead2.InprocQueue()
    second = recv.ChunkRingStream(
        spead2.ThreadPool(), recv.StreamConfig(stream_id=2), by_time(),
        first.stream.data_ringbuffer, first.stream.free_ringbuffer,
    )  # fmt: skip
    second.add_inproc_reader(queue)
    first.send(timed(0))
    queue.add_packet(timed(0))
    first.queue.stop()
    ring = first.stream.data_ringbuffer
    assert ring.get().stream_id == 0
    queue.stop()
    assert [chunk.stream_id for chunk in ring] == [2]


def test_chunks_are_released_with_what_has_them() -> None:
    for order in itertools.permutations(range(3)):
        things: list[Any] = [recv.ChunkRingbuffer(10), recv.ChunkRingbuffer(10)]
        things.append(
            recv.ChunkRingStream(spead2.ThreadPool(), recv.StreamConfig(), by_time(), *things)
        )
        queue = spead2.InprocQueue()
        things[2].add_inproc_reader(queue)
        memory = [np.zeros(64, np.uint8) for _ in range(6)]
        for data in memory:
            things[1].put(recv.Chunk(data=data, present=bytearray(HEAPS)))
        for time in (0, 4, 8, 12):
            queue.add_packet(timed(time))
        while things[2].stats["heaps"] < 4:
            threading.Event().wait(0.001)
        watched = [weakref.ref(data) for data in memory]
        del memory, data
        for number in order:
            things[number] = None
            gc.collect()
        while any(ref() is not None for ref in watched):
            threading.Event().wait(0.001)


def test_place_is_kept(library: str) -> None:
    settings = place_functions.Settings(HEAPS, HEAP_SIZE, 0, 1, 0)
    kept = weakref.ref(settings)
    config = by_time(place=place_functions.function(library, "by_settings", settings))
    del settings
    source = Source(config)
    del config
    gc.collect()
    assert kept() is not None
    source.send(timed(1))
    assert source.end() == [(0, [0, 1, 0, 0])]
    del source
    while kept() is not None:
        gc.collect()


def test_python_may_place_heaps() -> None:
    """Slow, but it must not hang or crash; what it raises is printed by ctypes, not passed on."""
    import ctypes

    seen = []
    source: Any = None

    def place(data: int, size: int) -> None:
        seen.append(size)
        source.stream.stats  # noqa: B018
        ctypes.c_int64.from_address(data + 24).value = 0
        if len(seen) == 3:
            source.stream.stop()

    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t)(place)
    source = Source(by_time(place=place_functions.capsule(function, place_functions.SIMPLE)))
    source.send(*map(timed, range(3)))
    for _ in source.stream.data_ringbuffer:
        pass
    source.stream.stop()
    assert seen == [80] * 3


def test_scipy_low_level_callable(library: str) -> None:
    scipy = pytest.importorskip("scipy")
    import ctypes

    function = ctypes.CDLL(library).by_time
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    function.restype = None
    place = scipy.LowLevelCallable(function, signature="void (void *, size_t)")
    source = Source(by_time(place=place))
    source.send(timed(6))
    assert source.end() == [(0, [0, 0, 0, 0]), (1, [0, 0, 1, 0])]


def test_numba_place_function() -> None:
    numba = pytest.importorskip("numba")
    scipy = pytest.importorskip("scipy")
    from numba import types

    from spead2.numba import intp_to_voidptr
    from spead2.recv.numba import chunk_place_data

    assert chunk_place_data.size == 80

    @numba.cfunc(types.void(types.CPointer(chunk_place_data), types.uintp), nopython=True)
    def place(data_pointer: Any, size: int) -> None:
        data = numba.carray(data_pointer, 1)
        items = numba.carray(intp_to_voidptr(data[0].items), 1, dtype=np.int64)
        data[0].chunk_id = items[0] // HEAPS
        data[0].heap_index = items[0] % HEAPS
        data[0].heap_offset = items[0] % HEAPS * HEAP_SIZE

    call = scipy.LowLevelCallable(place.ctypes, signature="void (void *, size_t)")
    source = Source(by_time(place=call))
    source.send(timed(6))
    assert source.end() == [(0, [0, 0, 0, 0]), (1, [0, 0, 1, 0])]


# ---- asyncio


def test_asyncio_rings() -> None:
    async def run() -> list[int]:
        source = Source(by_time(), chunks=0, ring=recv.asyncio.ChunkRingbuffer)
        free, data = source.stream.free_ringbuffer, source.stream.data_ringbuffer
        assert isinstance(free, recv.asyncio.ChunkRingbuffer)
        assert isinstance(data, recv.asyncio.ChunkRingbuffer)
        for _ in range(3):
            await free.put(make_chunk())
        source.send(*map(timed, range(200)))
        source.queue.stop()
        ids = []
        async for chunk in data:
            ids.append(chunk.chunk_id)
            await free.put(chunk)
        with pytest.raises(spead2.Stopped):
            await data.get()
        return ids

    assert asyncio.run(run()) == list(range(50))


def test_asyncio_waiting_is_cancelled_and_stopped() -> None:
    async def run() -> None:
        ring = recv.asyncio.ChunkRingbuffer(1)
        getters = [asyncio.create_task(ring.get()) for _ in range(3)]
        await asyncio.sleep(0)
        getters[0].cancel()
        ring.put_nowait(make_chunk(chunk_id=5))
        assert (await getters[1]).chunk_id == 5
        kept = make_chunk(chunk_id=6)
        await ring.put(kept)
        assert (await getters[2]) is kept
        await ring.put(make_chunk())
        putters = [asyncio.create_task(ring.put(make_chunk())) for _ in range(2)]
        cancelled = asyncio.create_task(ring.put(kept))
        await asyncio.sleep(0.01)
        cancelled.cancel()
        await asyncio.sleep(0)
        assert kept.data is not None
        ring.stop()
        for putter in putters:
            with pytest.raises(spead2.Stopped):
                await putter

    asyncio.run(run())


@pytest.mark.parametrize("place", range(5))
def test_a_packet_may_say_anywhere_that_the_stream_ends(place: int) -> None:
    stop = packets.whole(9, (packets.STREAM_CTRL, packets.STOP)).encode()
    words = [stop[i : i + 8] for i in range(8, 48, 8)]
    words.insert(place, words.pop())
    source = Source(by_time())
    source.send(timed(0), stop[:8] + b"".join(words), timed(1))
    chunks = [(c.chunk_id, list(c.present)) for c in source.stream.data_ringbuffer]
    assert chunks == [(0, [1, 0, 0, 0])]


def test_a_heap_of_several_packets_may_say_that_the_stream_ends() -> None:
    stop = packets.whole(9, (0x1000, bytes(HEAP_SIZE)), (packets.STREAM_CTRL, packets.STOP))
    source = Source(by_time())
    source.send(timed(0), *(packet.encode() for packet in packets.cut(stop, 8)))
    chunks = [(c.chunk_id, list(c.present)) for c in source.stream.data_ringbuffer]
    assert chunks == [(0, [1, 0, 0, 0])]
