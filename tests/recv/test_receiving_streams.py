# SPDX-License-Identifier: Apache-2.0
"""Streams as a program sees them: taking heaps, starting, stopping, full rings, configuration."""

from __future__ import annotations

import copy
import gc
import pickle
import select
import subprocess
import sys
import textwrap
import threading
import weakref
from typing import Any

import numpy as np
import packets
import pytest

import spead2
import spead2.recv as recv
from spead2.recv import stream_stat_indices


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


# ---- Start and stop


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


# ---- Configuration


def test_a_stream_copies_its_configuration() -> None:
    config, ring = recv.StreamConfig(max_heaps=7), recv.RingStreamConfig(heaps=9)
    stream = recv.Stream(spead2.ThreadPool(), config=config, ring_config=ring)
    config.max_heaps = ring.heaps = 3
    stream.config.max_heaps = 5
    assert (stream.config.max_heaps, stream.ring_config.heaps) == (7, 9)
    assert stream.ringbuffer.capacity() == 9
    assert stream.config is not stream.config


def test_defaults() -> None:
    config, ring = recv.StreamConfig(), recv.RingStreamConfig()
    assert (config.max_heaps, config.substreams, config.bug_compat, config.stream_id) == (
        4,
        1,
        0,
        0,
    )
    assert (config.memcpy, type(config.memory_allocator)) == (
        spead2.MEMCPY_STD,
        spead2.MemoryAllocator,
    )
    assert (config.stop_on_stop_item, config.allow_unsized_heaps) == (True, True)
    assert (config.allow_out_of_order, config.explicit_start) == (False, False)
    assert config.stop_on_first_end is False
    assert (ring.heaps, ring.contiguous_only, ring.incomplete_keep_payload_ranges) == (
        4,
        True,
        False,
    )
    assert (recv.StreamConfig.DEFAULT_MAX_HEAPS, recv.RingStreamConfig.DEFAULT_HEAPS) == (4, 4)
    stream = recv.Stream
    assert (stream.DEFAULT_UDP_MAX_SIZE, stream.DEFAULT_UDP_BUFFER_SIZE) == (9200, 8388608)
    assert (stream.DEFAULT_TCP_MAX_SIZE, stream.DEFAULT_TCP_BUFFER_SIZE) == (65536, 212992)


@pytest.mark.parametrize(
    ("made", "argument", "value", "error", "text"),
    [
        (recv.StreamConfig, "max_heaps", 0, ValueError, "max_heaps"),
        (recv.StreamConfig, "max_heaps", -1, TypeError, "max_heaps"),
        (recv.StreamConfig, "max_heaps", 1.5, TypeError, "max_heaps"),
        (recv.StreamConfig, "max_heaps", 2**64, TypeError, "max_heaps"),
        (recv.StreamConfig, "substreams", 0, ValueError, "substreams"),
        (recv.StreamConfig, "max_heap_size", 0, ValueError, "max_heap_size"),
        (recv.StreamConfig, "bug_compat", 8, ValueError, "bug_compat"),
        (recv.StreamConfig, "bug_compat", 2**40, ValueError, "bug_compat"),
        (recv.StreamConfig, "memcpy", 2, ValueError, "Unknown memcpy function"),
        (recv.StreamConfig, "memory_allocator", None, TypeError, "None"),
        (recv.StreamConfig, "memory_allocator", 5, TypeError, "5"),
        (recv.StreamConfig, "stream_id", -1, TypeError, "stream_id"),
        (recv.StreamConfig, "stop_on_stop_item", "no", TypeError, "stop_on_stop_item"),
        (recv.StreamConfig, "nonsense", 5, TypeError, "unexpected keyword argument 'nonsense'"),
        (recv.StreamConfig, "stats", [], AttributeError, "no setter|can.t set"),
        (recv.StreamConfig, "add_stat", 5, AttributeError, "add_stat"),
        (recv.RingStreamConfig, "heaps", 0, ValueError, "heaps"),
        (recv.RingStreamConfig, "ring_heaps", 5, TypeError, "ring_heaps"),
    ],
)
def test_wrong_options(made: Any, argument: str, value: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        made(**{argument: value})
    if error in (ValueError, TypeError) and hasattr(made, argument):
        config = made()
        before = getattr(config, argument)
        with pytest.raises(error):
            setattr(config, argument, value)
        assert getattr(config, argument) == before


def test_the_allocator_is_the_one_that_was_set() -> None:
    allocator = spead2.MmapAllocator()
    config = recv.StreamConfig(memory_allocator=allocator)
    assert config.memory_allocator is allocator
    stream = recv.Stream(spead2.ThreadPool(), config)
    assert stream.config.memory_allocator is allocator


@pytest.mark.parametrize("argument", ["thread_pool", "config", "ring_config"])
def test_arguments_of_a_stream(argument: str) -> None:
    arguments = {"thread_pool": spead2.ThreadPool(), argument: None}
    with pytest.raises(TypeError):
        recv.Stream(**arguments)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        recv.Stream(spead2.ThreadPool(), stream_config=recv.StreamConfig())  # type: ignore[call-arg]


def test_objects_that_are_not_initialised() -> None:
    for made in (recv.Stream, recv.StreamConfig, recv.StreamStatConfig, spead2.MemoryPool):
        bare = made.__new__(made)  # type: ignore[call-overload]
        with pytest.raises(TypeError):
            recv.Stream.get(bare)
        with pytest.raises(TypeError):
            recv.Stream(spead2.ThreadPool(), bare)


@pytest.mark.parametrize("copying", [copy.copy, copy.deepcopy, pickle.dumps])
def test_nothing_is_copied_or_pickled(copying: Any) -> None:
    stream = recv.Stream(spead2.ThreadPool())
    for each in (recv.StreamConfig(), recv.RingStreamConfig(), stream.stats, stream):
        with pytest.raises(TypeError):
            copying(each)
    for protocol in range(2):
        with pytest.raises(TypeError):
            pickle.dumps(stream.ringbuffer, protocol)


# ---- Statistics


def test_statistics_of_the_users() -> None:
    config = recv.StreamConfig()
    maximum = recv.StreamStatConfig.Mode.MAXIMUM
    assert config.next_stat_index() == 9
    assert config.add_stat("mine") == 9
    assert config.add_stat("largest", maximum) == 10
    assert config.get_stat_index("largest") == 10
    with pytest.raises(ValueError, match="mine"):
        config.add_stat("mine")
    with pytest.raises(ValueError, match="heaps"):
        config.add_stat("heaps")
    with pytest.raises(IndexError, match="other is not a known statistic name"):
        config.get_stat_index("other")
    with pytest.raises(TypeError):
        config.add_stat("number", 0)  # type: ignore[arg-type]
    stats = recv.Stream(spead2.ThreadPool(), config).stats
    assert len(stats) == 11
    assert stats.config[9:] == [
        recv.StreamStatConfig("mine"),
        recv.StreamStatConfig("largest", maximum),
    ]
    stats["mine"], stats["largest"], stats.heaps = 3, 5, 7
    both = stats + stats
    assert (both["mine"], both[10], both.heaps) == (6, 5, 14)
    stats += stats
    assert stats["mine"] == 6
    with pytest.raises(ValueError, match="config must match"):
        both + recv.Stream(spead2.ThreadPool()).stats


def test_access_to_statistics() -> None:
    source = Source()
    source.send(*map(one, range(3)))
    assert source.end() == [0, 1, 2]
    source.stream.stop()
    stats = source.stream.stats
    assert stats is not source.stream.stats
    names = [name.lower() for name in stream_stat_indices.__all__]
    assert sorted(stats) == sorted(names)
    for name in names:
        index = getattr(stream_stat_indices, name.upper())
        assert stats[name] == stats[index] == getattr(stats, name) == stats.get(name)
        assert stats.config[index].name == name
    assert list(stats.keys()) == list(stats) == [name for name, _ in stats.items()]
    assert list(stats.values()) == [value for _, value in stats.items()]
    assert stats["heaps"] == 3
    assert "heaps" in stats
    assert "other" not in stats
    assert stats.get("other") is None
    assert stats.get("other", 5) == 5
    with pytest.raises(KeyError):
        stats["other"]
    with pytest.raises(IndexError):
        stats[9]
    for key in (-1, 1.5, None):
        with pytest.raises(TypeError):
            stats[key]  # type: ignore[index]
    with pytest.raises(TypeError):
        5 in stats  # type: ignore[operator]  # noqa: B015
    with pytest.raises(TypeError):
        stats["heaps"] = -1


def test_one_statistic() -> None:
    mode = recv.StreamStatConfig.Mode
    counter, maximum = recv.StreamStatConfig("a"), recv.StreamStatConfig("a", mode.MAXIMUM)
    assert (counter.name, counter.mode, maximum.mode) == ("a", mode.COUNTER, mode.MAXIMUM)
    assert counter == recv.StreamStatConfig("a")
    assert counter != maximum
    assert (counter.combine(2, 3), maximum.combine(2, 3)) == (5, 3)
    assert counter.combine(2**64 - 1, 2) == 1
    with pytest.raises(TypeError):
        hash(counter)


# ---- Ends of all kinds


SCRIPT = """
import os, signal, sys, threading
sys.path.insert(0, {tests!r})
import packets, spead2, spead2.recv as recv
def one(cnt): return packets.whole(cnt, (0x20, b"payload")).encode()
def half(cnt): return packets.cut(packets.whole(cnt, (0x20, b"payload")), 3)[0].encode()
signal.signal(signal.SIGINT, signal.default_int_handler)
pool = spead2.ThreadPool()
queue = spead2.InprocQueue()
stream = recv.Stream(pool, ring_config=recv.RingStreamConfig(heaps=1))
stream.add_inproc_reader(queue)
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    tests = packets.__file__.rpartition("/")[0]
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", SCRIPT.format(tests=tests) + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("", id="nothing came"),
        pytest.param("queue.add_packet(half(1))", id="half a heap"),
        pytest.param("for i in range(9): queue.add_packet(one(i))", id="full ring"),
        pytest.param(
            """
            started = threading.Event()
            def wait():
                started.set()
                stream.get()
            threading.Thread(target=wait, daemon=True).start()
            started.wait()
            """,
            id="daemon thread in get",
        ),
        pytest.param(
            """
            def wait():
                for heap in stream:
                    heap.get_items()
            threading.Thread(target=wait, daemon=True).start()
            for i in range(1000): queue.add_packet(one(i))
            """,
            id="daemon thread that takes heaps",
        ),
        pytest.param("pool.stop(); queue.add_packet(one(1))", id="stopped pool"),
        pytest.param("del pool; del stream; queue.add_packet(one(1))", id="pool first"),
        pytest.param(
            """
            queue.add_packet(one(1))
            heap = stream.get()
            sys.modules["kept"] = heap.get_items()
            """,
            id="items kept",
        ),
        pytest.param(
            """
            stream.add_buffer_reader(bytearray(b"".join(map(one, range(100)))))
            sys.modules["kept"] = stream
            """,
            id="memory kept",
        ),
        pytest.param(
            """
            import atexit
            atexit.register(lambda: [queue.add_packet(one(i)) for i in range(3)])
            """,
            id="packets at exit",
        ),
    ],
)
def test_the_interpreter_ends(script: str) -> None:
    result = run(script)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_waiting_call_can_be_interrupted() -> None:
    result = run(
        """
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        for take in (stream.get, lambda: next(stream)):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            try:
                take()
            except KeyboardInterrupt:
                print("interrupted")
        queue.add_packet(one(7))
        print(stream.get().cnt)
        """
    )
    assert (result.stdout.split(), result.stderr) == (["interrupted", "interrupted", "7"], "")


def test_streams_of_a_stopped_pool() -> None:
    pool = spead2.ThreadPool()
    source = Source(pool=pool)
    pool.stop()
    source.stream.stop()
    with pytest.raises(spead2.Stopped):
        source.stream.get()


def test_a_stream_keeps_its_pool() -> None:
    stream = recv.Stream(spead2.ThreadPool())
    gc.collect()
    stream.add_buffer_reader(one(1))
    assert [heap.cnt for heap in stream] == [1]
