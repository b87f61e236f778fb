# SPDX-License-Identifier: Apache-2.0
"""Streams in an event loop: who waits is served in turn, and nothing is lost when he gives up."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Coroutine
from typing import Any

import packets
import pytest

import spead2
import spead2.recv as recv
import spead2.recv.asyncio


def one(cnt: int) -> bytes:
    return packets.whole(cnt, (0x20, b"payload")).encode()


class Source:
    """A stream and the queue that it reads."""

    def __init__(self, heaps: int = 100) -> None:
        self.queue = spead2.InprocQueue()
        self.stream = recv.asyncio.Stream(
            spead2.ThreadPool(), ring_config=recv.RingStreamConfig(heaps=heaps)
        )
        self.stream.add_inproc_reader(self.queue)

    def send(self, *cnts: int) -> None:
        for cnt in cnts:
            self.queue.add_packet(one(cnt))


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 60), debug=True)


def test_get() -> None:
    async def main() -> None:
        source = Source()
        source.send(1, 2)
        assert [(await source.stream.get()).cnt for _ in range(2)] == [1, 2]
        later = asyncio.ensure_future(source.stream.get())
        await asyncio.sleep(0)
        source.send(3)
        assert (await later).cnt == 3
        source.stream.stop()
        with pytest.raises(spead2.Stopped):
            await source.stream.get()

    run(main())


def test_async_for() -> None:
    async def main() -> None:
        source = Source(heaps=3)
        source.send(*range(1000))
        source.queue.stop()
        assert [heap.cnt async for heap in source.stream] == list(range(1000))
        assert [heap.cnt async for heap in source.stream] == []

    run(main())


def test_plain_calls_still_work() -> None:
    source = Source()
    source.send(1, 2, 3)
    assert next(source.stream).cnt == 1
    source.queue.stop()
    assert [heap.cnt for heap in source.stream] == [2, 3]
    with pytest.raises(spead2.Stopped):
        source.stream.get_nowait()


def test_first_come_first_served() -> None:
    async def main() -> None:
        source = Source()
        served = []

        async def take(number: int) -> None:
            served.append((number, (await source.stream.get()).cnt))

        tasks = []
        for number in range(20):
            tasks.append(asyncio.ensure_future(take(number)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        source.send(*range(20))
        await asyncio.gather(*tasks)
        assert served == [(number, number) for number in range(20)]

    run(main())


def test_stop_ends_all_who_wait() -> None:
    async def main() -> None:
        source = Source()
        tasks = [asyncio.ensure_future(source.stream.get()) for _ in range(5)]
        await asyncio.sleep(0)
        source.stream.stop()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [spead2.Stopped] * 5

    run(main())


@pytest.mark.parametrize("turns", range(6))
def test_a_cancelled_call_loses_no_heap(turns: int) -> None:
    async def main() -> None:
        source = Source()
        given_up = asyncio.ensure_future(source.stream.get())
        second = asyncio.ensure_future(source.stream.get())
        await asyncio.sleep(0)
        source.send(1, 2, 3)
        for _ in range(turns):
            await asyncio.sleep(0)
        given_up.cancel()
        (first,) = await asyncio.gather(given_up, return_exceptions=True)
        source.queue.stop()
        taken = [] if isinstance(first, BaseException) else [first.cnt]
        taken.append((await second).cnt)
        taken += [heap.cnt async for heap in source.stream]
        assert taken == [1, 2, 3]

    run(main())


def test_others_have_a_turn() -> None:
    async def main() -> None:
        source = Source(heaps=2000)
        source.send(*range(1000))
        source.queue.stop()
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.ensure_future(count())
        async for _ in source.stream:
            pass
        assert turns >= 1000 // 17
        before = turns
        other = Source()
        other.send(1)
        await other.stream.get()
        assert turns > before
        counting.cancel()

    run(main())


def test_the_descriptor_is_watched_while_somebody_waits() -> None:
    async def main() -> None:
        source = Source()
        loop = asyncio.get_running_loop()
        waiting = asyncio.ensure_future(source.stream.get())
        for _ in range(3):
            await asyncio.sleep(0)
        assert loop.remove_reader(source.stream.fd)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        source.send(1)
        assert (await source.stream.get()).cnt == 1
        assert not loop.remove_reader(source.stream.fd)

    run(main())


def test_one_stream_in_loops_one_after_another() -> None:
    source = Source()

    async def take(cnt: int) -> None:
        waiting = asyncio.ensure_future(source.stream.get())
        await asyncio.sleep(0)
        source.send(cnt)
        assert (await waiting).cnt == cnt

    for cnt in range(3):
        run(take(cnt))


def test_a_stream_is_destroyed_when_nobody_has_it() -> None:
    async def main() -> None:
        source = Source()
        source.send(1)
        await source.stream.get()
        alive = weakref.ref(source.stream)
        del source
        assert alive() is None

    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


def test_attributes_can_be_added() -> None:
    source = Source()
    source.stream.note = 5  # type: ignore[attr-defined]
    assert source.stream.note == 5  # type: ignore[attr-defined]
