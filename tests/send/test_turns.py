# SPDX-License-Identifier: Apache-2.0
"""Groups whose heaps send several packets in their turn: order, bytes, pacing, refusals."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import numpy as np
import pytest
from recipes import heap_of

import spead2
import spead2.send.asyncio
from spead2.send import (
    BytesStream,
    GroupMode,
    HeapReference,
    HeapReferenceList,
    InprocStream,
    PacketGenerator,
    StreamConfig,
)

POOL = spead2.ThreadPool()
SIZE = 200  # of packets


def in_turns(packets: list[list[bytes]], turn: int) -> list[bytes]:
    """Return packets in order: so many of each list in turn, until all have gone."""
    rest = [list(one) for one in packets]
    order: list[bytes] = []
    while any(rest):
        for one in rest:
            order += one[:turn]
            del one[:turn]
    return order


def references(sizes: list[int], substreams: int = 1) -> list[HeapReference]:
    rng = np.random.default_rng(len(sizes))
    return [
        HeapReference(
            heap_of(rng.integers(0, 256, size, np.uint8)),
            cnt=100 + i,
            substream_index=i % substreams,
        )
        for i, size in enumerate(sizes)
    ]


def packets_of(heaps: list[HeapReference]) -> list[list[bytes]]:
    return [list(PacketGenerator(r.heap, r.cnt, SIZE)) for r in heaps]


#: Heaps of 1 to 60 packets, many of which are left alone with their last ones.
SIZES = [3000, 1, 150, 9000, 400, 401, 160, 2000, 320]


@pytest.mark.parametrize("turn", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("rate", [0.0, 5e6], ids=["", "paced"])
@pytest.mark.parametrize("given", ["in the configuration", "with the call", "with the call anew"])
def test_each_heap_sends_so_many_packets_in_its_turn(turn: int, rate: float, given: str) -> None:
    config = StreamConfig(max_packet_size=SIZE, max_heaps=20, rate=rate, burst_size=450)
    options: dict[str, Any] = {"turn_packets": turn}
    if given == "in the configuration":
        config.turn_packets = turn
        options = {}
    elif given == "with the call anew":
        config.turn_packets = 5
    stream = BytesStream(POOL, config)
    heaps = references(SIZES)
    expected = in_turns(packets_of(heaps), turn)
    for chosen in (heaps, HeapReferenceList(heaps)):
        before = len(stream.getvalue())
        assert stream.send_heaps(chosen, GroupMode.ROUND_ROBIN, **options) == sum(
            map(len, expected)
        )
        assert stream.getvalue()[before:] == b"".join(expected)


def test_random_groups_in_turns() -> None:
    rng = random.Random(14)
    for _ in range(150):
        heaps = references([rng.choice([1, 90, 500, rng.randrange(6000)]) for _ in range(12)])
        turn = rng.randrange(1, 12)
        stream = BytesStream(POOL, StreamConfig(max_packet_size=SIZE, max_heaps=20))
        stream.send_heaps(heaps, GroupMode.ROUND_ROBIN, turn_packets=turn)
        assert stream.getvalue() == b"".join(in_turns(packets_of(heaps), turn))


def test_one_heap_after_another_has_no_turns() -> None:
    stream = BytesStream(POOL, StreamConfig(max_packet_size=SIZE, max_heaps=20, turn_packets=3))
    heaps = references(SIZES)
    stream.send_heaps(heaps, GroupMode.SERIAL, turn_packets=2)
    assert stream.getvalue() == b"".join(itertools.chain(*packets_of(heaps)))


def test_turns_of_substreams_and_event_loops() -> None:
    queues = [spead2.InprocQueue() for _ in range(3)]
    config = StreamConfig(max_packet_size=SIZE, max_heaps=20)
    heaps = references(SIZES, 3)
    packets = packets_of(heaps)

    async def send() -> int:
        stream = spead2.send.asyncio.InprocStream(POOL, queues, config)
        return await stream.async_send_heaps(heaps, GroupMode.ROUND_ROBIN, turn_packets=4)

    assert asyncio.run(send()) == sum(map(len, itertools.chain(*packets)))
    InprocStream(POOL, queues, config).send_heaps(heaps, GroupMode.ROUND_ROBIN, turn_packets=4)
    for i, queue in enumerate(queues):
        queue.stop()
        assert list(queue) == in_turns(packets[i::3], 4) * 2


@pytest.mark.parametrize("turn", [0, -1, 1.5, 2**64, "two"])
def test_turns_that_are_refused(turn: Any) -> None:
    stream = BytesStream(POOL)
    with pytest.raises((ValueError, TypeError), match="turn_packets"):
        stream.send_heaps(references([1]), GroupMode.ROUND_ROBIN, turn_packets=turn)
    with pytest.raises((ValueError, TypeError), match="turn_packets"):
        StreamConfig(turn_packets=turn)
    assert StreamConfig().turn_packets == StreamConfig.DEFAULT_TURN_PACKETS == 1
    assert stream.getvalue() == b""
