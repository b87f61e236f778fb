# SPDX-License-Identifier: Apache-2.0
"""Parts of heaps: together they are the heap, whoever holds what, in whatever order they come."""

from __future__ import annotations

import random
from typing import Any

import decoder
import hypothesis
import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt
import pytest

import spead2
import spead2._spead2 as engine
import spead2.send as send

ROWS, COLUMNS = 13, 60
MATRIX, LIST, NUMBER = 0x1000, 0x1001, 0x1002


def item(identifier: int, value: npt.NDArray[np.uint8]) -> spead2.Item:
    return spead2.Item(identifier, "", "", value.shape, np.uint8, value=value)


def number(value: int = 77) -> spead2.Item:
    return spead2.Item(NUMBER, "", "", (), format=[("u", 40)], value=value)


def bytes_of(seed: int, *shape: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def packets(heap: send.Heap, size: int = 1472, cnt: int = 5) -> list[bytes]:
    return list(send.PacketGenerator(heap, cnt, size))


def part(
    matrix: npt.NDArray[np.uint8],
    values: npt.NDArray[np.uint8],
    rank: int,
    size: int,
    axis: int,
    every: bool,
) -> send.Heap:
    """The matrix divided along an axis, the list held by the last rank, pointers with the first."""
    heap = send.Heap()
    heap.set_part("every" if every else "first" if rank == 0 else "none")
    first, last = engine.share_of_axis(matrix.shape[axis], rank, size)
    if first == last:
        heap.add_item_elsewhere(MATRIX, matrix.size)
    elif axis == 0:
        heap.add_item_part(item(MATRIX, matrix[first:last]), matrix.size, offset=first * COLUMNS)
    else:
        heap.add_item_part(
            item(MATRIX, matrix[:, first:last]),
            matrix.size,
            offset=first,
            count=ROWS,
            stride=COLUMNS,
        )
    heap.add_replicated_item(number(), rank == 0)
    heap.add_replicated_item(item(LIST, values), rank == size - 1)
    heap.set_part_padding(50, rank == 0)
    return heap


@hypothesis.given(
    size=st.integers(1, 20),
    axis=st.integers(0, 1),
    packet_size=st.integers(56, 2000),
    every=st.booleans(),
    list_length=st.integers(6, 3000),
    seed=st.integers(0, 1000),
)
def test_parts_of_all_ranks_are_the_heap(
    size: int, axis: int, packet_size: int, every: bool, list_length: int, seed: int
) -> None:
    matrix, values = bytes_of(seed, ROWS, COLUMNS), bytes_of(seed + 1, list_length)
    if every:
        packet_size = max(packet_size, 88)  # room for four pointers and some payload
    made = []
    for rank in range(size):
        heap = part(matrix, values, rank, size, axis, every)
        if heap.held_size or rank == 0:
            made += packets(heap, packet_size)
    random.Random(seed).shuffle(made)
    assert max(map(len, made)) <= packet_size
    parsed = sorted(map(decoder.parse, made), key=lambda packet: packet.offset)
    if every:
        whole = decoder.assemble(parsed, repeat_pointers=True)
        assert whole.raw(MATRIX).data == matrix.tobytes()
        assert whole.raw(LIST).data == values.tobytes()
        assert whole.raw(NUMBER).number == 77
        return
    # Pointers may be in packets anywhere: their values say where items are.
    pointers = {pointer.id: pointer.value for packet in parsed for pointer in packet.pointers}
    end = matrix.size + values.size
    assert pointers == {MATRIX: 0, LIST: matrix.size, NUMBER: 77, decoder.NULL: end}
    assert sum(len(packet.pointers) for packet in parsed) == 4
    payload = b"".join(packet.payload for packet in parsed)
    assert payload == matrix.tobytes() + values.tobytes() + bytes(50)
    assert all(packet.heap_length == len(payload) for packet in parsed)


@pytest.mark.parametrize("packet_size", [56, 57, 64, 72, 200, 1472, 9000])
def test_part_that_holds_everything_makes_the_packets_of_a_heap(packet_size: int) -> None:
    whole, held = send.Heap(), send.Heap()
    held.set_part("first")
    for heap in (whole, held):
        for one in (item(MATRIX, bytes_of(1, 13, 60)), number(), item(LIST, bytes_of(2, 3000))):
            heap.add_item(one)
    assert packets(held, packet_size) == packets(whole, packet_size)
    assert held.held_size == whole.held_size == whole.payload_size == 3780


def test_part_packets_byte_for_byte() -> None:
    heap = send.Heap()
    heap.set_part("first")
    heap.add_item_part(item(0x1000, np.arange(4, dtype="u1")), 12, offset=2, count=2, stride=6)
    assert packets(heap, cnt=0x1234) == [
        bytes.fromhex(
            "53 04 03 05 0000 0005 800001 0000001234 800002 000000000C"
            "800003 0000000002 800004 0000000002 001000 0000000000 0001"
        ),
        bytes.fromhex(
            "53 04 03 05 0000 0004 800001 0000001234 800002 000000000C"
            "800003 0000000008 800004 0000000002 0203"
        ),
    ]


def test_packets_join_what_is_adjacent() -> None:
    heap = send.Heap()
    heap.set_part("none")
    heap.add_item_part(item(0x1000, np.arange(10, dtype="u1")), 30, offset=20)
    heap.add_item(item(0x1001, np.arange(15, dtype="u1")))
    heap.add_item_elsewhere(0x1002, 7)
    heap.add_item(item(0x1003, np.arange(13, dtype="u1")))
    first, second = map(decoder.parse, packets(heap))
    assert (first.offset, first.payload) == (20, bytes([*range(10), *range(15)]))
    assert (second.offset, second.payload) == (52, bytes(range(13)))
    assert first.heap_length == second.heap_length == 65
    assert first.pointers == second.pointers == ()


@pytest.mark.parametrize("rank", [0, 1])
def test_streams_send_what_the_generator_makes(rank: int) -> None:
    matrix, values = bytes_of(1, ROWS, COLUMNS), bytes_of(2, 400_000)
    heap = part(matrix, values, rank, 2, 1, False)
    stream = send.BytesStream(spead2.ThreadPool(), send.StreamConfig(max_packet_size=1000))
    sent = stream.send_heap(heap, cnt=9)
    assert stream.getvalue() == b"".join(packets(heap, 1000, 9))
    assert sent == len(stream.getvalue())


def test_values_are_read_when_they_are_sent() -> None:
    value = bytes_of(1, 600)
    heap = send.Heap()
    heap.set_part("none")
    heap.add_item_part(item(0x1000, value), 1000, offset=100)
    value += 1
    assert decoder.parse(packets(heap)[0]).payload == value.tobytes()


def test_padding_gives_pointers_without_values_some_payload() -> None:
    heap = send.Heap()
    heap.set_part("first")
    for i in range(20):
        heap.add_item_elsewhere(0x1000 + i, 100)
    with pytest.raises(ValueError, match=r"0 bytes of payload, but its 20 item pointers"):
        packets(heap)
    heap.set_part_padding(engine.part_padding(20, 0), True)
    for size in (56, 64, 200, 1472):
        made = list(map(decoder.parse, packets(heap, size)))
        assert sum(len(packet.pointers) for packet in made) == 21
        assert all(packet.payload for packet in made)
        assert made[0].offset == 2000


def test_shares_cover_an_axis() -> None:
    for length in range(30):
        for size in range(1, 12):
            shares = [engine.share_of_axis(length, rank, size) for rank in range(size)]
            assert shares[0][0] == 0
            assert shares[-1][1] == length
            assert all(a[1] == b[0] for a, b in zip(shares, shares[1:]))
            assert max(b - a for a, b in shares) - min(b - a for a, b in shares) <= 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"length": 9}, "10 bytes from offset 0"),
        ({"length": 30, "offset": 21}, "from offset 21"),
        ({"length": 30, "count": 3}, "cannot be divided into 3"),
        ({"length": 30, "count": 0}, "cannot be divided into 0"),
        ({"length": 30, "count": 2, "stride": 4}, "every 4"),
        ({"length": 30, "count": 2, "stride": 26}, "every 26"),
        ({"length": 30, "count": 2, "stride": 2**64 - 1}, "every 18446744073709551615"),
        ({"length": 30, "offset": 2**64 - 5}, "from offset"),
        ({"length": 2**40}, "would exceed"),
    ],
)
def test_blocks_outside_the_item_are_refused(arguments: dict[str, int], text: str) -> None:
    heap = send.Heap()
    heap.set_part("none")
    with pytest.raises(ValueError, match=text):
        heap.add_item_part(item(0x1000, bytes_of(1, 10)), **arguments)
    assert heap.payload_size == 0


def test_what_needs_a_part_says_so() -> None:
    heap = send.Heap()
    for call in (
        lambda: heap.add_item_part(item(0x1000, bytes_of(1, 10)), 30),
        lambda: heap.add_item_elsewhere(0x1000, 30),
        lambda: heap.set_part_padding(1, True),
    ):
        with pytest.raises(ValueError, match=r"call set_part\(\) first"):
            call()
    with pytest.raises(ValueError, match="'none', 'first', 'every'"):
        heap.set_part("all")  # type: ignore[arg-type]
    assert not heap.is_part


def test_a_part_that_holds_nothing_is_refused() -> None:
    heap = send.Heap()
    heap.set_part("none")
    heap.add_item_elsewhere(0x1000, 30)
    stream = send.BytesStream(spead2.ThreadPool())
    with pytest.raises(ValueError, match="send nothing"):
        stream.send_heap(heap)
    stream.send_heap(send.ItemGroup().get_end())
    assert decoder.parse(stream.getvalue()).cnt == 1


ARGUMENTS: dict[str, dict[str, Any]] = {
    "add_item_part": {"item": item(LIST, bytes_of(1, 4)), "length": 4},
    "add_item_elsewhere": {"id": LIST, "length": 4},
    "add_replicated_item": {"item": number(), "held": True},
}


@pytest.mark.parametrize("method", ARGUMENTS)
def test_arguments_may_be_named_and_must_be_there(method: str) -> None:
    arguments = ARGUMENTS[method]
    heap = send.Heap()
    heap.set_part(pointers="first")
    call = getattr(heap, method)
    for left_out in arguments:
        some = {name: value for name, value in arguments.items() if name != left_out}
        with pytest.raises(TypeError, match=rf"{method}\(\) is missing the argument '{left_out}'"):
            call(**some)
    call(**arguments)
