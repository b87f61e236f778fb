# SPDX-License-Identifier: Apache-2.0
"""Item pointers as an interface document wants them, byte for byte."""

from __future__ import annotations

import decoder
import numpy as np
import pytest

import spead2
import spead2.recv as recv
import spead2.send as send

CNT = spead2.HEAP_CNT_ID
LENGTH = spead2.HEAP_LENGTH_ID
OFFSET = spead2.PAYLOAD_OFFSET_ID
PAYLOAD = spead2.PAYLOAD_LENGTH_ID


def heap(samples: int = 8) -> send.Heap:
    """What a station might send: an immediate, a longer number, samples."""
    result = send.Heap(spead2.Flavour(4, 64, 48))
    result.add_item(spead2.Item(0x3000, "", "", (), format=[("u", 48)], value=0x0102))
    result.add_item(spead2.Item(0x3300, "", "", (), np.dtype(">u8"), value=5))
    value = np.arange(samples, dtype="u1")
    result.add_item(spead2.Item(0x3301, "", "", (samples,), "u1", value=value))
    return result


def packets(of: send.Heap, size: int = 1472) -> list[str]:
    return [packet.hex() for packet in send.PacketGenerator(of, 0x77, size)]


def golden(*parts: str) -> str:
    return "".join(parts).replace(" ", "").lower()


def test_pointers_stand_in_the_chosen_order_among_those_of_spead() -> None:
    h = heap()
    h.set_pointer_order([CNT, PAYLOAD, 0x3301, 0x3000, OFFSET, 0x3300])
    assert h.pointer_order == (CNT, PAYLOAD, 0x3301, 0x3000, OFFSET, 0x3300)
    assert packets(h) == [
        golden(
            "53 04 02 06 0000 0006",
            "8001 000000000077",
            "8004 000000000010",
            "3301 000000000008",
            "B000 000000000102",
            "8003 000000000000",
            "3300 000000000000",
            "0000000000000005 0001020304050607",
        )
    ]


def test_six_pointers_without_those_that_the_receiver_does_without() -> None:
    h = heap()
    h.set_pointer_order([CNT, PAYLOAD, 0x3000, 0x3300, 0x3301], missing_ok=True)
    assert packets(h) == [
        golden(
            "53 04 02 06 0000 0005",
            "8001 000000000077",
            "8004 000000000010",
            "B000 000000000102",
            "3300 000000000000",
            "3301 000000000008",
            "0000000000000005 0001020304050607",
        )
    ]


def test_further_packets_have_the_chosen_ones_of_spead_only() -> None:
    h = heap(60)
    h.set_pointer_order([OFFSET, 0x3000, PAYLOAD, 0x3300, 0x3301, CNT])
    value = bytes(range(60)).hex()
    assert packets(h, 96) == [
        golden(
            "53 04 02 06 0000 0006",
            "8003 000000000000 B000 000000000102 8004 000000000028",
            "3300 000000000000 3301 000000000008 8001 000000000077",
            "0000000000000005" + value[:64],
        ),
        golden(
            "53 04 02 06 0000 0003",
            "8003 000000000028 8004 00000000001C 8001 000000000077",
            value[64:],
        ),
    ]


def test_repeated_pointers_keep_their_order() -> None:
    h = heap(60)
    h.set_pointer_order([OFFSET, 0x3000, PAYLOAD, 0x3300, 0x3301, CNT])
    h.repeat_pointers = True
    assert packets(h, 96)[1] == golden(
        "53 04 02 06 0000 0006",
        "8003 000000000028 B000 000000000102 8004 00000000001C",
        "3300 000000000000 3301 000000000008 8001 000000000077",
        bytes(range(32, 60)).hex(),
    )


@pytest.mark.parametrize("repeat", [False, True])
def test_many_packets_in_a_row_differ_in_their_offsets(repeat: bool) -> None:
    h = send.Heap()
    value = np.random.default_rng(1).integers(0, 256, 100_000, np.uint8)
    h.add_item(spead2.Item(0x1000, "", "", value.shape, "u1", value=value))
    h.set_pointer_order([0x1000, CNT, LENGTH, PAYLOAD, OFFSET])
    h.repeat_pointers = repeat
    stream = send.BytesStream(spead2.ThreadPool())
    stream.send_heap(h, cnt=0x77)
    sent = stream.getvalue()
    assert sent == b"".join(map(bytes.fromhex, packets(h)))
    offset = at = 0
    while at < len(sent):
        n = sent[at + 7]
        assert n == (5 if offset == 0 or repeat else 4)
        *_, length, written = (
            int.from_bytes(sent[at + 8 * i + 3 : at + 8 * i + 8], "big") for i in range(1, n + 1)
        )
        assert written == offset
        payload = sent[at + 8 + 8 * n : at + 8 + 8 * n + length]
        assert payload == value[offset : offset + length].tobytes()
        at += 8 + 8 * n + length
        offset += length
    assert offset == value.size


def test_items_of_one_id_keep_their_order() -> None:
    h = send.Heap()
    for value in (1, 2):
        h.add_item(spead2.Item(0x1000, "", "", (), format=[("u", 40)], value=value))
    h.add_item(spead2.Item(0x1001, "", "", (10,), "u1", value=range(10)))
    h.set_pointer_order([0x1000, 0x1001, 0x1000, CNT, LENGTH, OFFSET, PAYLOAD])
    found = [packet[16:64] for packet in packets(h)]
    assert found == ["801000000000000100100100000000008010000000000002"]


def with_empty_items() -> send.Heap:
    """Items with 0, 8, 0, 0, 4 and 0 bytes."""
    result = send.Heap()
    for id_, size in enumerate([0, 8, 0, 0, 4, 0], 0x1000):
        value = np.full(size, id_ & 0xF, np.uint8)
        result.add_item(spead2.Item(id_, "", "", (None,), format=[("u", 8)], value=value))
    return result


@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [1, 0, 3, 4, 2, 5]])
def test_items_without_bytes_get_none_of_others(order: list[int], repeat: bool) -> None:
    h = with_empty_items()
    h.set_pointer_order([CNT, LENGTH, OFFSET, PAYLOAD, *(0x1000 + i for i in order)])
    h.repeat_pointers = repeat
    stream = recv.Stream(spead2.ThreadPool())
    stream.add_buffer_reader(b"".join(map(bytes.fromhex, packets(h, 96))))
    found = {item.id: bytes(np.asarray(item)) for item in stream.get().get_items()}
    assert {id_: value for id_, value in found.items() if value} == {
        0x1001: bytes([1] * 8),
        0x1004: bytes([4] * 4),
    }


def test_only_an_item_that_would_get_bytes_is_said_to_be_at_the_end() -> None:
    h = with_empty_items()
    h.set_pointer_order([CNT, OFFSET, PAYLOAD, *(0x1000 + i for i in (1, 0, 3, 4, 2, 5))])
    (packet,) = packets(h)
    offsets = {packet[i : i + 6]: int(packet[i + 6 : i + 16], 16) for i in range(64, 160, 16)}
    assert offsets == {
        "001001": 0,
        "001000": 12,  # its own place is that of 0x1001, which is before it
        "001003": 8,
        "001004": 8,
        "001002": 12,  # the same for 0x1004
        "001005": 12,
    }


def test_an_item_without_bytes_behind_the_null_pointer_gets_no_padding() -> None:
    h = send.Heap()
    h.add_item(spead2.Item(0x1000, "", "", (None,), format=[("u", 8)], value=b""))
    h.set_pointer_order([CNT, OFFSET, PAYLOAD, spead2.NULL_ID, 0x1000])
    assert packets(h)[0][64:] == golden("0000 000000000000", "0010 000000000001", "00")


def test_a_heap_without_payload_needs_the_null_pointer() -> None:
    h = send.Heap()
    h.add_end()
    order = [CNT, LENGTH, OFFSET, PAYLOAD, spead2.STREAM_CTRL_ID]
    h.set_pointer_order(order)
    with pytest.raises(ValueError, match=r"NULL"):
        packets(h)
    h.set_pointer_order([*order, spead2.NULL_ID])
    ordinary = send.Heap()
    ordinary.add_end()
    assert packets(h) == packets(ordinary)


def test_the_order_of_spead_is_what_ordinary_heaps_have() -> None:
    h = heap(5000)
    h.set_pointer_order([CNT, LENGTH, OFFSET, PAYLOAD, 0x3000, 0x3300, 0x3301])
    for size in (96, 200, 1472):
        assert packets(h, size) == packets(heap(5000), size)
    h.set_pointer_order([])
    assert packets(h, 56) == packets(heap(5000), 56)


@pytest.mark.parametrize(
    ("order", "name"),
    [
        ([LENGTH, OFFSET, PAYLOAD], r"1 \(heap cnt\)"),
        ([CNT, LENGTH, PAYLOAD], r"3 \(payload offset\)"),
        ([CNT, LENGTH, OFFSET], r"4 \(payload length\)"),
    ],
)
def test_what_receivers_need_is_missing_only_on_purpose(order: list[int], name: str) -> None:
    h = heap()
    with pytest.raises(ValueError, match=name):
        h.set_pointer_order([*order, 0x3000, 0x3300, 0x3301])
    assert h.pointer_order == ()
    h.set_pointer_order([*order, 0x3000, 0x3300, 0x3301], missing_ok=True)
    assert len(packets(h)) == 1


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ([CNT, OFFSET, PAYLOAD, 0x3000, 0x3300], "the heap has item 13057"),
        ([CNT, OFFSET, PAYLOAD, 0x3000, 0x3300, 0x3301, 0x3302], "has item 13058"),
        ([CNT, OFFSET, PAYLOAD, 0x3000, 0x3000, 0x3300, 0x3301], "item 12288.* not as often"),
        ([CNT, OFFSET, PAYLOAD, 0x3000, 0x3300, 0x3301, 0], "has item 0,"),
    ],
)
def test_orders_of_other_items_are_refused(order: list[int], text: str) -> None:
    h = heap()
    h.set_pointer_order(order)
    with pytest.raises(ValueError, match=text):
        packets(h)


def test_bad_orders_are_refused() -> None:
    h = heap()
    with pytest.raises(ValueError, match=r"1 \(heap cnt\) 2 times"):
        h.set_pointer_order([CNT, CNT, OFFSET, PAYLOAD])
    with pytest.raises(ValueError, match="item ID"):
        h.set_pointer_order([CNT, OFFSET, PAYLOAD, 2**60])
    with pytest.raises(TypeError, match="ids"):
        h.set_pointer_order([CNT, "x"])  # type: ignore[list-item]
    h.set_pointer_order([CNT, LENGTH, OFFSET, PAYLOAD, 0x3000, 0x3300, 0x3301])
    with pytest.raises(ValueError, match="room for 3 item pointers"):
        packets(h, 56)
    assert decoder.parse(bytes.fromhex(packets(h, 64 + 16)[0])).cnt == 0x77
