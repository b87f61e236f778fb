# SPDX-License-Identifier: Apache-2.0
"""Streams as a program sees them: taking heaps, starting, stopping, full rings, readers."""

from __future__ import annotations

import dataclasses
import gc
import itertools
import os
import random
import select
import signal
import threading
import weakref
from typing import Any

import numpy as np
import packets
import pytest
from queue_source import STOP, Source, halves, one

import spead2
import spead2.recv as recv

# ---- Taking heaps


def test_heaps_are_taken_in_order() -> None:
    source = Source()
    source.send(*map(one, (5, 3, 4)))
    heap = source.stream.get()
    assert isinstance(heap, recv.Heap)
    assert (heap.cnt, heap.flavour) == (5, spead2.Flavour())
    assert source.end() == [3, 4]
    for take in (source.stream.get, source.stream.get_nowait):
        with pytest.raises(spead2.Stopped):
            take()


def test_nothing_to_take_yet() -> None:
    source = Source()
    with pytest.raises(spead2.Empty):
        source.stream.get_nowait()
    source.send(one(1))
    assert source.stream.get().cnt == 1


def test_iteration_can_be_resumed() -> None:
    source = Source()
    source.send(*map(one, range(1, 6)))
    assert iter(source.stream) is source.stream
    for heap in source.stream:
        if heap.cnt == 2:
            break
    assert next(source.stream).cnt == 3
    assert source.end() == [4, 5]
    with pytest.raises(StopIteration):
        next(source.stream)


def test_several_threads_take_heaps() -> None:
    source = Source(heaps=4)
    taken: list[list[int]] = [[] for _ in range(4)]

    def take(mine: list[int]) -> None:
        mine.extend(heap.cnt for heap in source.stream)

    threads = [threading.Thread(target=take, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    source.send(*map(one, range(1, 2001)))
    source.queue.stop()
    for thread in threads:
        thread.join()
    assert sorted(cnt for mine in taken for cnt in mine) == list(range(1, 2001))
    assert all(mine == sorted(mine) for mine in taken)


def readable(fd: int, milliseconds: int = 0) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(milliseconds))


def test_descriptor_to_poll() -> None:
    source = Source()
    assert not readable(source.stream.fd)
    source.send(one(1), one(2))
    assert readable(source.stream.fd, 60000)
    assert source.stream.get().cnt == 1
    assert readable(source.stream.fd, 60000)
    assert source.stream.get().cnt == 2
    assert not readable(source.stream.fd)
    source.stream.stop()
    assert readable(source.stream.fd)
    with pytest.raises(spead2.Stopped):
        source.stream.get()
    assert readable(source.stream.fd)


def test_heaps_outlive_their_stream() -> None:
    source = Source()
    payload = bytes(range(256)) * 100
    source.send(packets.whole(1, (0x20, payload)).encode())
    heap = source.stream.get()
    view = memoryview(heap.get_items()[0])
    del heap, source
    gc.collect()
    assert bytes(view) == payload


def test_memory_of_a_heap_is_released() -> None:
    source = Source()
    source.send(one(1))
    heap = source.stream.get()
    item = heap.get_items()[0]
    alive = [weakref.ref(heap), weakref.ref(item)]
    del heap, item
    assert [reference() for reference in alive] == [None, None]


# ---- What heaps tell


def test_raw_items() -> None:
    source = Source()
    source.send(packets.whole(1, (0x20, b"abc"), (0x21, 0x1234)).encode())
    heap = source.stream.get()
    addressed, immediate = heap.get_items()
    assert (addressed.id, addressed.is_immediate, bytes(addressed)) == (0x20, False, b"abc")
    assert (immediate.id, immediate.is_immediate) == (0x21, True)
    assert immediate.immediate_value == 0x1234
    assert bytes(immediate) == b"\0\0\0\x12\x34"
    view = memoryview(addressed)
    assert (view.format, view.ndim, view.readonly) == ("B", 1, False)
    view[0] = ord("x")
    assert bytes(heap.get_items()[0]) == b"xbc"
    assert np.frombuffer(addressed, np.uint8).tolist() == list(b"xbc")
    with pytest.raises(AttributeError):
        addressed.id = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    "made", [recv.Heap, recv.IncompleteHeap, recv.StreamStats, recv.Stream.Ringbuffer]
)
def test_classes_without_constructor(made: Any) -> None:
    with pytest.raises(TypeError):
        made()


def test_control_items() -> None:
    source = Source({"stop_on_stop_item": False})
    for cnt, value in enumerate((0, 1, 2, 3)):
        source.send(packets.whole(cnt, (packets.STREAM_CTRL, value)).encode())
    flags = []
    source.queue.stop()
    for heap in source.stream:
        flags.append((heap.is_start_of_stream(), heap.is_end_of_stream()))
    assert flags == [(True, False), (False, False), (False, True), (False, False)]


def test_incomplete_heaps() -> None:
    source = Source(
        {"allow_out_of_order": True}, contiguous_only=False, incomplete_keep_payload_ranges=True
    )
    pieces = packets.cut(packets.whole(3, (0x20, b"abcdefghijkl"), (0x21, 7)), 4, 8)
    source.send(pieces[0].encode(), pieces[2].encode())
    source.queue.stop()
    (heap,) = source.stream
    assert isinstance(heap, recv.IncompleteHeap)
    assert (heap.heap_length, heap.received_length) == (12, 8)
    assert heap.payload_ranges == [(0, 4), (8, 12)]
    assert [(item.id, item.immediate_value) for item in heap.get_items()] == [(0x21, 7)]
    assert not hasattr(heap, "get_descriptors")
    with pytest.raises(AttributeError):
        spead2.ItemGroup().update(heap)


def test_pieces_that_meet_are_one() -> None:
    """Every choice of pieces of a heap, in several orders."""
    source = Source(
        {"allow_out_of_order": True}, contiguous_only=False, incomplete_keep_payload_ranges=True
    )
    rng = random.Random(3)
    chosen = [c for n in range(1, 6) for c in itertools.combinations(range(6), n)] * 4
    for cnt, choice in enumerate(chosen):
        pieces = packets.cut(packets.whole(cnt, (0x20, bytes(60))), 10, 20, 30, 40, 50)
        source.send(*(pieces[i].encode() for i in rng.sample(choice, len(choice))))
    source.queue.stop()
    for choice, heap in zip(chosen, source.stream):
        edges = sorted({10 * i for i in choice} ^ {10 * i + 10 for i in choice})
        assert heap.payload_ranges == list(zip(edges[::2], edges[1::2])), choice


def test_a_heap_has_no_more_pieces_than_its_payload_is_worth() -> None:
    """4096, and one for each 64 bytes that are there: 4161 of one byte."""
    source = Source(
        {"allow_out_of_order": True}, contiguous_only=False, incomplete_keep_payload_ranges=True
    )
    piece = packets.Packet(1, b"x", 0, 1 << 20)
    for i in range(5000):
        source.send(dataclasses.replace(piece, offset=10_000 + 2 * i).encode())
    source.queue.stop()
    (heap,) = source.stream
    assert heap.payload_ranges == [(10_000 + 2 * i, 10_001 + 2 * i) for i in range(4161)]


def test_one_packet_says_how_long_a_heap_is() -> None:
    source = Source()
    for lengths in ([8, None, None], [None, 8, None], [8, None, 8]):
        for i, length in enumerate(lengths):
            piece = b"abcdefgh"[3 * i : 3 * i + 3]
            source.send(packets.Packet(1, piece, 3 * i, length, [(0x20, 0, 0)]).encode())
        heap = source.stream.get()  # before anything ends
        assert (heap.cnt, [bytes(item) for item in heap.get_items()]) == (1, [b"abcdefgh"])


@pytest.mark.parametrize("piece", [1, 16, 63, 64, 65, 79, 80, 97, 201, 1000])
def test_payload_is_copied_past_the_cache(piece: int) -> None:
    payload = np.random.default_rng(piece).bytes(5000)
    source = Source({"memcpy": spead2.MEMCPY_NONTEMPORAL})
    cuts = packets.cut(packets.whole(1, (0x20, payload)), *range(piece, 5000, piece))
    source.send(*(packet.encode() for packet in cuts))
    (item,) = source.stream.get().get_items()
    assert bytes(item) == payload


def test_what_is_said_twice_counts_as_said_last() -> None:
    """Also behind the pointers that packets begin with, where hardly anybody looks."""
    source = Source()
    for identifier, value in ((packets.HEAP_CNT, 5), (packets.HEAP_LENGTH, 4)):
        packet = packets.Packet(3, b"abcd", 0, 4, [(0x20, 0, 0), (identifier, value)])
        source.send(packet.encode())
    late = packets.Packet(4, b"abcd", 0, 4, [(packets.PAYLOAD_OFFSET, 0), (0x20, 0, 0)])
    source.send(late.encode())
    assert source.end() == [5, 3, 4]


def test_who_waits_after_a_full_ring_can_be_interrupted() -> None:
    """And does not go round in circles."""
    source = Source(heaps=2)
    source.send(*map(one, range(20)))
    assert [source.stream.get().cnt for _ in range(20)] == list(range(20))

    def handler(*_: Any) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGUSR1, handler)
    interrupt = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGUSR1])

    def wait() -> None:
        interrupt.start()
        source.stream.get()

    try:
        with pytest.raises(InterruptedError):
            wait()
    finally:
        interrupt.join()
        signal.signal(signal.SIGUSR1, before)


# ---- Start and stop


@pytest.mark.parametrize("place", range(5))
def test_a_packet_may_say_anywhere_that_the_stream_ends(place: int) -> None:
    stop = packets.whole(9, (packets.STREAM_CTRL, packets.STOP)).encode()
    words = [stop[i : i + 8] for i in range(8, 48, 8)]
    words.insert(place, words.pop())
    source = Source()
    source.send(one(1), stop[:8] + b"".join(words), one(2))
    assert [heap.cnt for heap in source.stream] == [1]


def test_explicit_start() -> None:
    source = Source({"explicit_start": True})
    source.send(one(1))
    with pytest.raises(spead2.Empty):
        source.stream.get_nowait()
    source.stream.start()
    source.stream.start()
    assert source.stream.get().cnt == 1
    with pytest.raises(RuntimeError, match="after explicit start"):
        source.stream.add_buffer_reader(b"")


def test_stop_wakes_everybody() -> None:
    source = Source()
    waiting = threading.Barrier(4)
    stopped = []

    def wait() -> None:
        waiting.wait()
        try:
            source.stream.get()
        except spead2.Stopped:
            stopped.append(True)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    waiting.wait()
    source.stream.stop()
    source.stream.stop()
    for thread in threads:
        thread.join()
    assert len(stopped) == 3


def test_a_stopped_stream_keeps_what_it_has() -> None:
    source = Source()
    source.send(one(1), one(2), halves(3)[0], one(4))
    assert readable(source.stream.fd, 60000)
    while source.stream.ringbuffer.size() < 3:
        pass
    source.stream.stop()
    assert [heap.cnt for heap in source.stream] == [1, 2, 4]
    source.stream.add_buffer_reader(one(5))
    source.stream.add_inproc_reader(source.queue)
    with pytest.raises(spead2.Stopped):
        source.stream.get()
    assert source.stream.stats.incomplete_heaps_flushed == 1


def test_a_stop_item_ends_the_stream() -> None:
    source = Source()
    source.send(one(1), halves(2)[0], STOP, one(3))
    assert [heap.cnt for heap in source.stream] == [1]
    assert source.stream.stats["heaps"] == 2


def test_stop_from_many_threads() -> None:
    for _ in range(50):
        source = Source(heaps=1)
        source.send(*map(one, range(1, 20)))
        threads = [threading.Thread(target=source.stream.stop) for _ in range(3)]
        threads.append(threading.Thread(target=lambda stream=source.stream: list(stream)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        list(source.stream)
        with pytest.raises(spead2.Stopped):
            source.stream.get_nowait()


# ---- Full rings


def test_a_full_ring_pauses_the_stream_alone() -> None:
    pool = spead2.ThreadPool(1)
    full, free = Source(heaps=2, pool=pool), Source(pool=pool)
    full.send(*map(one, range(1, 30)))
    assert readable(full.stream.fd, 60000)
    # The only worker serves the other one all the same.
    free.send(*map(one, range(1, 51)))
    assert free.end() == list(range(1, 51))
    assert full.stream.ringbuffer.size() <= full.stream.ringbuffer.capacity() == 2
    assert full.end() == list(range(1, 30))
    assert full.stream.stats["worker_blocked"] > 0


def test_a_slow_reader_gets_everything() -> None:
    source = Source(heaps=1)
    payload = bytes(1000)
    source.send(*(packets.whole(cnt, (0x20, payload)).encode() for cnt in range(1, 500)))
    assert source.end() == list(range(1, 500))


def test_stop_with_a_full_ring() -> None:
    source = Source(heaps=1)
    source.send(*map(one, range(1, 10)))
    assert readable(source.stream.fd, 60000)
    source.stream.stop()
    assert source.stream.get().cnt == 1
    with pytest.raises(spead2.Stopped):
        source.stream.get()


# ---- Readers


def test_packets_in_memory() -> None:
    for buffer in (one(1), bytearray(one(1)), memoryview(one(1)), np.frombuffer(one(1), np.uint8)):
        stream = recv.Stream(spead2.ThreadPool())
        stream.add_buffer_reader(buffer)
        assert [heap.cnt for heap in stream] == [1]


def test_memory_is_kept_as_long_as_the_stream() -> None:
    memory = bytearray(one(1))
    stream = recv.Stream(spead2.ThreadPool())
    stream.add_buffer_reader(memory)
    assert [heap.cnt for heap in stream] == [1]
    with pytest.raises(BufferError):
        memory.append(0)
    del stream
    while True:
        try:
            memory.append(0)
        except BufferError:
            continue  # is let go of soon
        break


@pytest.mark.parametrize("bad", [None, "text", 5, np.zeros((4, 4), np.uint8)[:, ::2]])
def test_what_is_no_memory(bad: Any) -> None:
    stream = recv.Stream(spead2.ThreadPool())
    with pytest.raises((TypeError, BufferError, ValueError)):
        stream.add_buffer_reader(bad)


def test_damage_in_memory_ends_the_stream() -> None:
    stream = recv.Stream(spead2.ThreadPool(), ring_config=recv.RingStreamConfig(heaps=9))
    stream.add_buffer_reader(one(1) + b"garbage!" + one(2))
    assert [heap.cnt for heap in stream] == [1]
