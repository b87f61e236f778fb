# SPDX-License-Identifier: Apache-2.0
"""Small heaps from an event loop: whether a worker sends them is tried, and nobody notices."""

from __future__ import annotations

import asyncio
import collections

import numpy as np
import programs
import pytest

import spead2
import spead2.send
import spead2.send.asyncio


@pytest.mark.cxx
@pytest.mark.timeout(300)
def test_the_faster_way_is_chosen() -> None:
    programs.check_sanitized("worker_trial")


def test_heaps_keep_their_order_whoever_sends_them() -> None:
    # Enough of them for both ways to be tried twice.
    heaps, in_flight, size = 30_000, 96, 2048
    queue = spead2.InprocQueue()
    stream = spead2.send.asyncio.InprocStream(
        spead2.ThreadPool(), [queue], spead2.send.StreamConfig(max_heaps=in_flight)
    )
    values = np.arange(size, dtype=np.uint8)
    group = spead2.send.ItemGroup()
    group.add_item(0x1600, "values", "", shape=(size,), dtype=np.uint8, value=values)
    heap = group.get_heap(descriptors="none")

    async def send() -> set[int]:
        pending: collections.deque[asyncio.Future[int]] = collections.deque()
        sizes = set()
        for _ in range(heaps):
            if len(pending) == in_flight:
                sizes.add(await pending.popleft())
            pending.append(stream.async_send_heap(heap))
        return sizes | set(await asyncio.gather(*pending))

    sizes = asyncio.run(send())
    packets = [queue.get_packet() for _ in range(queue.qsize())]
    first, second = packets[:2]
    assert sizes == {len(first) + len(second)}
    # The same but for the heap's cnt, which is in a packet's first item pointer.
    assert [int.from_bytes(p[11:16], "big") for p in packets[::2]] == list(range(1, heaps + 1))
    assert [p[11:16] for p in packets[1::2]] == [p[11:16] for p in packets[::2]]
    assert {p[:11] + p[16:] for p in packets[::2]} == {first[:11] + first[16:]}
    assert {p[:11] + p[16:] for p in packets[1::2]} == {second[:11] + second[16:]}
