# SPDX-License-Identifier: Apache-2.0
"""Configuration and statistics of receiving streams."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from queue_source import Source, one

import spead2
import spead2.recv as recv
from spead2.recv import stream_stat_indices


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
