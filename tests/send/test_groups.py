# SPDX-License-Identifier: Apache-2.0
"""Groups of heaps: the order of their packets, and what a group holds on to while it is sent.

What the packets themselves must be is known from ``PacketGenerator``, which has no part in the way
by which streams make the packets of small heaps.
"""

from __future__ import annotations

import gc
import itertools
import threading
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
from spead2.send import (
    BytesStream,
    GroupMode,
    Heap,
    HeapReference,
    HeapReferenceList,
    InprocStream,
    PacketGenerator,
    StreamConfig,
)

POOL = spead2.ThreadPool()


def make_small_heap(byte: int, size: int = 400) -> Heap:
    return heap_of(np.full(size, byte, np.uint8))


def in_order(packets: list[list[bytes]], mode: GroupMode) -> bytes:
    """Return the packets of heaps in the order in which a group sends them."""
    if mode is GroupMode.SERIAL:
        return b"".join(itertools.chain.from_iterable(packets))
    turns = itertools.zip_longest(*packets, fillvalue=b"")
    return b"".join(itertools.chain.from_iterable(turns))


@hypothesis.given(data=st.data())
@strategies.examples(150)
def test_packets_are_those_of_the_generator_in_the_order_of_the_mode(data: st.DataObject) -> None:
    size = data.draw(st.one_of(strategies.packet_sizes(), st.just(400)))
    flavours = [data.draw(strategies.flavours(40)) for _ in range(2)]
    heaps = []
    for _ in range(data.draw(st.integers(1, 6))):
        recipe, _ = data.draw(strategies.heap_samples(data.draw(st.sampled_from(flavours)), 3))
        heaps.append(recipes.make_heap(recipe))
    chosen = data.draw(st.lists(st.sampled_from(heaps), min_size=1, max_size=20))
    rates = [data.draw(st.sampled_from([-1.0, 0.0, 1e12])) for _ in chosen]
    cnts = [data.draw(st.integers(0, 2**40 - 1)) for _ in chosen]
    if data.draw(st.booleans()):  # nothing of their own: the stream's
        rates, cnts = [-1.0] * len(chosen), list(range(1, 1 + len(chosen)))
    try:
        packets = [list(PacketGenerator(h, c, size)) for h, c in zip(chosen, cnts)]
    except ValueError:
        hypothesis.reject()
    mode = data.draw(st.sampled_from(list(GroupMode)))
    stream = BytesStream(POOL, StreamConfig(max_packet_size=size, max_heaps=20))
    own = cnts != list(range(1, 1 + len(chosen)))
    group: Any = [
        HeapReference(h, cnt=c if own else -1, rate=r) for h, c, r in zip(chosen, cnts, rates)
    ]
    if data.draw(st.booleans()):
        group = HeapReferenceList(group)
    expected = in_order(packets, mode)
    assert stream.send_heaps(group, mode) == len(expected)
    assert stream.getvalue() == expected


@pytest.mark.parametrize("mode", list(GroupMode))
def test_groups_larger_than_a_batch(mode: GroupMode) -> None:
    """Heaps of one packet and of several, of different sizes, more than are made at once."""
    config = StreamConfig(max_packet_size=1472, max_heaps=4000)
    sizes = [1 + 7 * (i % 190) for i in range(2000)] + [3000, 400] * 500
    heaps = [make_small_heap(i % 256, size) for i, size in enumerate(sizes)]
    stream = BytesStream(POOL, config)
    packets = [list(PacketGenerator(h, 1 + i, 1472)) for i, h in enumerate(heaps)]
    expected = in_order(packets, mode)
    assert stream.send_heaps([HeapReference(h) for h in heaps], mode) == len(expected)
    assert stream.getvalue() == expected


@pytest.mark.parametrize(("number", "size"), [(1, 300), (1, 40), (30, 300), (200, 250), (5000, 1)])
def test_batches_end_when_any_room_is_used_up(number: int, size: int) -> None:
    """Heaps that fill a batch with packets, iovecs, copied bytes or item pointers."""
    heaps = [heap_of(*[np.full(size, i, np.uint8)] * number) for i in range(5)]
    other = [make_small_heap(99), heap_of(np.array(7, ">u2"), np.full(300, 8, np.uint8))]
    chosen = [heaps[i % 5] for i in range(max(8, 1200 // number))] + other
    chosen += [other[i // 2 % 2] if i % 2 else heaps[i % 5] for i in range(40)]
    stream = BytesStream(POOL, StreamConfig(max_packet_size=65504, max_heaps=len(chosen)))
    expected = [list(PacketGenerator(h, 1 + i, 65504)) for i, h in enumerate(chosen)]
    assert all(len(packets) == 1 for packets in expected)
    stream.send_heaps([HeapReference(h) for h in chosen], GroupMode.SERIAL)
    assert stream.getvalue() == in_order(expected, GroupMode.SERIAL)


def test_immediates_of_small_heaps_are_read_when_they_are_sent() -> None:
    value = np.array(5, ">u4")
    heap = heap_of(value, np.arange(10, dtype=np.uint8))
    stream = BytesStream(POOL)
    reference = HeapReference(heap, cnt=1)
    stream.send_heaps([reference], GroupMode.SERIAL)
    value[()] = 7
    stream.send_heaps([reference], GroupMode.SERIAL)
    expected = b"".join(PacketGenerator(heap, 1, 1472))
    first = stream.getvalue()[: len(expected)]
    assert stream.getvalue()[len(expected) :] == expected != first
    assert first == expected.replace((7).to_bytes(5, "big"), (5).to_bytes(5, "big"))


@pytest.mark.parametrize("make_group", [list, tuple, iter, HeapReferenceList])
def test_references_send_what_the_heap_holds_now(make_group: Any) -> None:
    heap = make_small_heap(1)
    references = [HeapReference(heap, cnt=3)]
    group = make_group(references)
    heap.add_item(spead2.Item(0x2000, "y", "", (), np.uint8, value=np.uint8(9)))
    stream = BytesStream(POOL)
    stream.send_heaps(group, GroupMode.SERIAL)
    assert stream.getvalue() == b"".join(PacketGenerator(heap, 3, 1472))


class SlowStream:
    """A stream that sends one packet a burst, and what it sent."""

    def __init__(self) -> None:
        self.queue = spead2.InprocQueue()
        config = StreamConfig(max_packet_size=1472, burst_size=0)
        self.stream = InprocStream(POOL, [self.queue], config)

    def send(self, group: Any) -> threading.Thread:
        """Send a group in a thread of its own."""
        thread = threading.Thread(target=self.stream.send_heaps, args=(group, GroupMode.SERIAL))
        thread.start()
        return thread


def test_a_list_may_change_while_its_heaps_are_sent() -> None:
    """The packets of a group that has begun are those it had, although nobody else holds them."""
    slow = SlowStream()
    # 448 bytes at 2240 a second: a fifth of a second a heap. The first packet goes at once.
    heaps = [make_small_heap(i) for i in range(4)]
    expected = [b"".join(PacketGenerator(h, 1 + i, 1472)) for i, h in enumerate(heaps)]
    gone = [weakref.ref(h) for h in heaps]
    group = [HeapReference(h, rate=2240.0) for h in heaps]
    del heaps
    thread = slow.send(group)
    packets = [slow.queue.get_packet()]
    group.clear()
    assert all(reference() is not None for reference in gone)
    packets += [slow.queue.get_packet() for _ in range(3)]
    thread.join()
    gc.collect()
    assert packets == expected
    assert [reference() for reference in gone] == [None] * 4


def test_a_heap_of_a_group_may_change_while_it_is_sent() -> None:
    slow = SlowStream()
    heaps = [make_small_heap(i) for i in range(3)]
    expected = [b"".join(PacketGenerator(h, 1 + i, 1472)) for i, h in enumerate(heaps)]
    group = HeapReferenceList([HeapReference(h, rate=2240.0) for h in heaps])
    thread = slow.send(group)
    packets = [slow.queue.get_packet()]
    for heap in heaps:
        heap.add_end()
    assert thread.is_alive()
    del group, heap, heaps
    gc.collect()
    packets += [slow.queue.get_packet() for _ in range(2)]
    thread.join()
    assert packets == expected


def test_refusals_leave_references_usable() -> None:
    """A group of borrowed and of new contents, refused for its last element."""
    stream = BytesStream(POOL, StreamConfig(max_heaps=8))
    heaps = [make_small_heap(i) for i in range(3)]
    group: list[Any] = [HeapReference(h) for h in heaps]
    heaps[1].add_end()
    for bad, error in (
        (None, TypeError),
        (HeapReference(heaps[0], cnt=2**40), OSError),
        (HeapReference(heaps[0], substream_index=1), OSError),
    ):
        with pytest.raises(error):
            stream.send_heaps([*group, bad], GroupMode.SERIAL)
    assert stream.getvalue() == b""
    stream.send_heaps(group, GroupMode.SERIAL)
    expected = [b"".join(PacketGenerator(h, 1 + i, 1472)) for i, h in enumerate(heaps)]
    assert stream.getvalue() == b"".join(expected)
