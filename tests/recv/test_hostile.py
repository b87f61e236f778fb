# SPDX-License-Identifier: Apache-2.0
"""Whatever a network sends, a program gets heaps or a ValueError, and later heaps arrive."""

from __future__ import annotations

import contextlib
from typing import Any

import hypothesis
import numpy as np
import packets
import reception
import strategies
from hypothesis import strategies as st

import spead2
import spead2.recv as recv

#: Fields of a descriptor, right and wrong ones.
NAMES = st.one_of(st.sampled_from([b"name", b"other", b""]), st.binary(max_size=12))
HEADERS = st.one_of(
    st.sampled_from(
        [
            b"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}",
            b"{'descr': '>u2', 'fortran_order': False, 'shape': (5,)}",
            b"{'descr': [('a', '<u2'), ('b', 'S3')], 'fortran_order': False, 'shape': ()}",
            b"{'descr': '|O', 'fortran_order': False, 'shape': ()}",
            b"{'descr': '<U4', 'fortran_order': False, 'shape': ()}",
            b"{'descr': '<M8[s]', 'fortran_order': False, 'shape': (1,)}",
            b"{'descr': '<u8', 'fortran_order': False, 'shape': (1152921504606846976, 16)}",
            b"{'descr': '<u8', 'fortran_order': False, 'shape': (0, 4611686018427387904, 8)}",
            b"{'descr': '(1000000,1000000)<u8', 'fortran_order': False, 'shape': ()}",
            b"{'descr': '<u1', 'fortran_order': False, 'shape': " + b"(1," * 99 + b")" * 99 + b"}",
        ]
    ),
    st.binary(max_size=60),
)
SHAPES = st.lists(
    st.one_of(
        st.just(b"\1" + bytes(5)),
        st.integers(0, 4).map(lambda size: b"\0" + size.to_bytes(5, "big")),
        st.binary(min_size=6, max_size=6),
    ),
    max_size=4,
).map(b"".join)
FORMATS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(b"uibfc0"), st.sampled_from([1, 8, 12, 16, 32, 64, 100])).map(
            lambda field: bytes([field[0]]) + field[1].to_bytes(3, "big")
        ),
        st.binary(min_size=4, max_size=4),
    ),
    max_size=4,
).map(b"".join)


@st.composite
def descriptors(draw: st.DrawFn) -> bytes:
    """Return the content of a descriptor item."""
    fields: list[tuple[int, bytes | int]] = [
        (0x14, draw(st.sampled_from([0x20, 0x21, 0x22]))),
        (0x10, draw(NAMES)),
        (0x11, draw(NAMES)),
        (0x12, draw(SHAPES)),
        (0x13, draw(FORMATS)),
    ]
    if draw(st.booleans()):
        fields.append((0x15, draw(HEADERS)))
    return packets.whole(1, *fields).encode()


@st.composite
def hostile_heaps(draw: st.DrawFn, cnt: int) -> bytes:
    items: list[tuple[int, bytes | int]] = []
    for _ in range(draw(st.integers(0, 3))):
        items.append((packets.DESCRIPTOR, draw(st.one_of(descriptors(), st.binary(max_size=80)))))
    for _ in range(draw(st.integers(0, 4))):
        number = draw(st.sampled_from([0x20, 0x21, 0x22, 6, 7]))
        items.append((number, draw(st.one_of(st.binary(max_size=40), st.integers(0, 2**40 - 1)))))
    return packets.whole(cnt, *items).encode()


def update(group: spead2.ItemGroup, heap: Any, order: str) -> None:
    with contextlib.suppress(ValueError):
        group.update(heap, order)


@strategies.examples(300)
@hypothesis.given(data=st.data(), order=st.sampled_from("==|<>S"))
def test_heaps_of_anything(data: Any, order: str) -> None:
    sent = [data.draw(hostile_heaps(cnt)) for cnt in range(data.draw(st.integers(1, 5)))]
    stream = recv.Stream(spead2.ThreadPool(), recv.StreamConfig(stop_on_stop_item=False))
    stream.add_buffer_reader(b"".join(sent) + packets.whole(99, (0x30, b"end")).encode())
    group = spead2.ItemGroup()
    last = None
    for heap in stream:
        update(group, heap, order)
        for item in group.values():
            repr(item)
        last = heap
    assert isinstance(last, recv.Heap)
    assert last.cnt == 99
    assert bytes(last.get_items()[0]) == b"end"


@strategies.examples(200)
@hypothesis.given(
    sent=st.lists(
        st.one_of(
            st.binary(max_size=80),
            st.tuples(st.integers(0, 20), st.binary(max_size=100)).map(
                lambda parts: packets.header(parts[0]) + parts[1]
            ),
        ),
        max_size=20,
    )
)
def test_packets_of_anything(sent: list[bytes]) -> None:
    queue = spead2.InprocQueue()
    for packet in [*sent, packets.whole(2**40 - 1, (0x30, b"end")).encode()]:
        queue.add_packet(packet)
    queue.stop()
    stream = recv.Stream(
        spead2.ThreadPool(),
        recv.StreamConfig(stop_on_stop_item=False, allow_out_of_order=True),
        recv.RingStreamConfig(contiguous_only=False, heaps=100),
    )
    stream.add_inproc_reader(queue)
    group = spead2.ItemGroup()
    whole = []
    for heap in stream:
        if isinstance(heap, recv.Heap):
            update(group, heap, "=")
            whole.append(heap.cnt)
        else:
            heap.get_items()
    assert 2**40 - 1 in whole


def test_items_beyond_a_million_are_left_out_and_told() -> None:
    """Item pointers cost a sender little; of 18 packets with 60000 each a receiver has enough."""
    sent = []
    for i in range(18):
        begin = packets.Packet(1, b"", i, 18).encode()[8:-8]
        ids = np.arange(0x1000 + 60_000 * i, 0x1000 + 60_000 * (i + 1), dtype=np.uint64)
        items = (np.uint64(1 << 63) | ids << np.uint64(40)).astype(">u8").tobytes()
        length = (1 << 63 | packets.PAYLOAD_LENGTH << 40 | 1).to_bytes(8, "big")
        sent.append(packets.header(60_004) + begin + length + items + b"x")
    report = reception.receive(sent, reception.Settings(update=False))
    assert [len(heap["items"]) for heap in report.heaps] == [2**20]
    assert report.log[0] == (
        "WARNING",
        "items of heap 1 beyond the first 1048576 were left out",
    )
