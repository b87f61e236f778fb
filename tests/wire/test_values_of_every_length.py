# SPDX-License-Identifier: Apache-2.0
"""Values of every length reach the packets whole: by length they are copied in one way or another.

Whether others read them the same is told by the tests of decoding; these here are for the lengths
that few drawn heaps have, and for what lies on the border of two packets.
"""

from __future__ import annotations

import random

import decoder
import pytest

import spead2
import spead2.send as send

SIZES = [56, 64, 72, 168, 296, 304, 312, 1472, 8972, 65507]
LENGTHS = [*range(140), 200, 254, 255, 256, 257, 258, 300, 511, 512, 513, 1000, 3000]


def heap_of_values(values: list[bytes]) -> send.Heap:
    """Make a heap of values that are no immediates, however short: their shape is variable."""
    heap = send.Heap()
    for number, value in enumerate(values):
        heap.add_item(
            spead2.Item(0x1000 + number, "n", "", (None,), format=[("u", 8)], value=list(value))
        )
    return heap


def check_values(heap: send.Heap, values: list[bytes], size: int) -> None:
    """Check the packets of a heap made one by one, and the same from a stream, twice in a group."""
    packets = list(send.PacketGenerator(heap, 5, size))
    parsed = [decoder.parse(packet) for packet in packets]
    decoder.check_sizes(parsed, size, False)
    assert [item.data for item in decoder.assemble(parsed).items] == values

    stream = send.BytesStream(
        spead2.ThreadPool(), send.StreamConfig(max_packet_size=size, max_heaps=2)
    )
    references = [send.HeapReference(heap, cnt=5), send.HeapReference(heap, cnt=5)]
    stream.send_heaps(references, send.GroupMode.SERIAL)
    assert stream.getvalue() == 2 * b"".join(packets)


@pytest.mark.parametrize("size", SIZES)
def test_in_one_heap(size: int) -> None:
    lengths = LENGTHS * 2
    random.Random(size).shuffle(lengths)
    rng = random.Random(1)
    values = [rng.randbytes(length) for length in lengths]
    check_values(heap_of_values(values), values, size)


@pytest.mark.parametrize("length", LENGTHS)
def test_in_heaps_of_one_length(length: int) -> None:
    rng = random.Random(length)
    values = [rng.randbytes(length) for _ in range(20)]
    heap = heap_of_values(values)
    for size in SIZES:
        check_values(heap, values, size)
