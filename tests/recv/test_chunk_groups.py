# SPDX-License-Identifier: Apache-2.0
"""Groups of chunk streams as a program sees them; what becomes of chunks: chunk_groups.cc."""

from __future__ import annotations

import collections.abc
import gc
import threading
import weakref

import numpy as np
import packets
import pytest

import spead2
import spead2.recv as recv

HEAP_SIZE = 16
HEAPS = 4
TIME = 0x1600
Mode = recv.ChunkStreamGroupConfig.EvictionMode


def timed(time: int) -> bytes:
    return packets.whole(time + 1, (0x1000, bytes([time]) * HEAP_SIZE), (TIME, time)).encode()


def by_time(max_chunks: int = 2) -> recv.ChunkStreamConfig:
    rule = recv.PlacementRule(HEAP_SIZE, time_per_chunk=HEAPS, time_per_heap=1)
    return recv.ChunkStreamConfig(items=[TIME], place=rule, max_chunks=max_chunks)


class Group:
    """A group, the pools of its members and the queues that they read."""

    def __init__(self, members: int, mode: Mode = Mode.LOSSLESS) -> None:
        self.group = recv.ChunkStreamRingGroup(
            recv.ChunkStreamGroupConfig(eviction_mode=mode),
            recv.ChunkRingbuffer(100),
            recv.ChunkRingbuffer(100),
        )
        for _ in range(50):
            self.group.add_free_chunk(
                recv.Chunk(
                    data=np.zeros(HEAP_SIZE * HEAPS, np.uint8), present=np.zeros(HEAPS, np.uint8)
                )
            )
        self.queues = [spead2.InprocQueue() for _ in range(members)]
        self.pools = [spead2.ThreadPool() for _ in range(members)]
        for pool, queue in zip(self.pools, self.queues):
            member = self.group.emplace_back(pool, recv.StreamConfig(), by_time())
            member.add_inproc_reader(queue)

    def end(self) -> list[tuple[int, list[int]]]:
        for queue in self.queues:
            queue.stop()
        return [(c.chunk_id, list(c.present)) for c in self.group.data_ringbuffer]


def test_configuration() -> None:
    config = recv.ChunkStreamGroupConfig()
    assert (config.max_chunks, config.eviction_mode) == (2, Mode.LOSSY)
    assert config.max_chunks == recv.ChunkStreamGroupConfig.DEFAULT_MAX_CHUNKS
    assert [mode.value for mode in (Mode.LOSSY, Mode.LOSSLESS)] == [0, 1]
    config.eviction_mode = Mode.LOSSLESS
    assert config.eviction_mode is Mode.LOSSLESS
    with pytest.raises(ValueError, match="max_chunks cannot be 0"):
        config.max_chunks = 0
    for wrong in ({"eviction_mode": 1}, {"max_chunks": "2"}, {"unknown": 1}):
        with pytest.raises(TypeError):
            recv.ChunkStreamGroupConfig(**wrong)  # type: ignore[arg-type]


def test_members_fill_the_same_chunks() -> None:
    made = Group(2)
    for queue, times in zip(made.queues, ([0, 2, 4], [1, 3, 5])):
        for time in times:
            queue.add_packet(timed(time))
    assert made.end() == [(0, [1, 1, 1, 1]), (1, [1, 1, 0, 0])]
    assert [member.stats["heaps"] for member in made.group] == [3, 3]
    names = [stat.name for stat in made.group[0].config.stats]
    assert names[-2:] == ["too_old_heaps", "rejected_heaps"]


def test_a_group_is_a_sequence_of_its_members() -> None:
    group = Group(3).group
    assert isinstance(group, collections.abc.Sequence)
    assert isinstance(group, recv.ChunkRingPair)
    members = list(group)
    assert len(group) == len(members) == 3
    assert all(isinstance(member, recv.ChunkStreamGroupMember) for member in members)
    assert group[0] is members[0]
    assert group[-1] is members[2]
    assert group[1:] == members[1:]
    assert group[::-2] == [members[2], members[0]]
    assert list(reversed(group)) == members[::-1]
    assert members[1] in group
    assert 5 not in group
    assert group.index(members[2]) == 2
    assert group.count(members[1]) == 1
    for wrong in (3, -4):
        with pytest.raises(IndexError):
            group[wrong]
    with pytest.raises(TypeError):
        group["0"]  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        recv.ChunkStreamGroupMember()


def test_what_cannot_be_added_is_refused() -> None:
    made = Group(1)
    pool = spead2.ThreadPool()
    with pytest.raises(ValueError, match="place is not set"):
        made.group.emplace_back(pool, recv.StreamConfig(), recv.ChunkStreamConfig())
    with pytest.raises(ValueError, match="must not be larger than group max_chunks"):
        made.group.emplace_back(pool, chunk_stream_config=by_time(3))
    made.queues[0].add_packet(timed(0))
    while made.group[0].stats["heaps"] == 0:
        threading.Event().wait(0.001)
    with pytest.raises(RuntimeError, match="after group has started receiving data"):
        made.group.emplace_back(pool, recv.StreamConfig(), by_time())
    assert made.end() == [(0, [1, 0, 0, 0])]


@pytest.mark.parametrize("by_member", [False, True])
def test_stop_stops_everything(by_member: bool) -> None:
    made = Group(2)
    (made.group[1] if by_member else made.group).stop()
    for ring in (made.group.data_ringbuffer, made.group.free_ringbuffer):
        with pytest.raises(spead2.Stopped):
            ring.put(recv.Chunk(data=bytearray(1), present=bytearray(1)))
    assert list(made.group.data_ringbuffer) == []
    made.group.stop()


def test_members_keep_their_group() -> None:
    made = Group(2)
    member = made.group[0]
    data = made.group.data_ringbuffer
    gone = weakref.ref(made.group)
    del made.group
    gc.collect()
    assert gone() is None
    made.queues[0].add_packet(timed(1))
    for queue in made.queues:
        queue.stop()
    assert [(c.chunk_id, list(c.present)) for c in data] == [(0, [0, 1, 0, 0])]
    assert member.stats["heaps"] == 1


@pytest.mark.parametrize("mode", list(Mode))
def test_nobody_waits_for_a_member_that_dies(mode: Mode) -> None:
    made = Group(2, mode)
    made.queues[1].add_packet(timed(0))
    while made.group[1].stats["heaps"] == 0:
        threading.Event().wait(0.001)
    made.pools[1].stop()
    for time in (1, 5, 9, 13):
        made.queues[0].add_packet(timed(time))
    assert [number for number, _ in made.end()] == [0, 1, 2, 3]
    assert made.group[0].stats["too_old_heaps"] == 0
