# SPDX-License-Identifier: Apache-2.0
"""Packets byte for byte, worked out by hand from the protocol's rules.

An item pointer of SPEAD-64-40 in hexadecimal: bit 63 (8 for an immediate) and 23 bits of ID are the
first six digits, the value or address the other ten. So 800001 0000000005 is an immediate of item
1 with value 5, and 001000 0000000008 is item 0x1000 at offset 8.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spead2
import spead2._spead2 as engine
import spead2.send as send

FLAVOUR_48 = spead2.Flavour(4, 64, 48)


def item(
    identifier: int,
    shape: tuple[int | None, ...],
    value: Any,
    dtype: Any = None,
    order: str = "C",
    format: list[tuple[str, int]] | None = None,
) -> spead2.Item:
    return spead2.Item(identifier, "n", "d", shape, dtype, order, format, value=value)


def heap(*items: spead2.Item, flavour: spead2.Flavour | None = None) -> send.Heap:
    result = send.Heap(flavour or spead2.Flavour())
    for one in items:
        result.add_item(one)
    return result


def packets(of: send.Heap, cnt: int = 1, size: int = 1472) -> list[bytes]:
    return list(send.PacketGenerator(of, cnt, size))


def words(*parts: str) -> bytes:
    return bytes.fromhex("".join(parts))


# --- Packet


def test_packet_is_header_pointers_payload() -> None:
    value = np.array([0x0102, 0x0304, 0x0506], ">u2")
    assert packets(heap(item(0x1000, (3,), value, ">u2")), cnt=0x1234) == [
        words(
            "53 04 03 05 0000 0005",  # magic, version, 3 bytes not address, 5 address, 5 pointers
            "800001 0000001234",  # heap cnt
            "800002 0000000006",  # heap length: three times two bytes
            "800003 0000000000",  # payload offset
            "800004 0000000006",  # payload length: all in this packet
            "001000 0000000000",  # the item, at the beginning of the payload
            "0102 0304 0506",
        )
    ]


def test_address_width_is_in_header_and_pointers() -> None:
    value = np.arange(1, 8, dtype="u1")
    assert packets(heap(item(0x25, (7,), value, "u1"), flavour=FLAVOUR_48)) == [
        words(
            "53 04 02 06 0000 0005",
            "8001 000000000001",
            "8002 000000000007",
            "8003 000000000000",
            "8004 000000000007",
            "0025 000000000000",
            "01020304050607",
        )
    ]
    assert packets(heap(item(0x7F, (2,), [1, 2], "u1"), flavour=spead2.Flavour(4, 64, 8))) == [
        words(
            "53 04 07 01 0000 0005",
            "80000000000001 01",
            "80000000000002 02",
            "80000000000003 00",
            "80000000000004 02",
            "0000000000007F 00",
            "0102",
        )
    ]
    # 7 bits are left for the ID. 8 bytes do not fit the 7 of an immediate.
    eight = np.arange(1, 9, dtype="u1")
    assert packets(heap(item(0x7F, (8,), eight, "u1"), flavour=spead2.Flavour(4, 64, 56))) == [
        words(
            "53 04 01 07 0000 0005",
            "81 00000000000001",
            "82 00000000000008",
            "83 00000000000000",
            "84 00000000000008",
            "7F 00000000000000",
            "0102030405060708",
        )
    ]


# --- Reserved IDs and constants


def test_reserved_ids() -> None:
    assert [
        spead2.NULL_ID,
        spead2.HEAP_CNT_ID,
        spead2.HEAP_LENGTH_ID,
        spead2.PAYLOAD_OFFSET_ID,
        spead2.PAYLOAD_LENGTH_ID,
        spead2.DESCRIPTOR_ID,
        spead2.STREAM_CTRL_ID,
    ] == [0, 1, 2, 3, 4, 5, 6]
    assert [
        spead2.DESCRIPTOR_NAME_ID,
        spead2.DESCRIPTOR_DESCRIPTION_ID,
        spead2.DESCRIPTOR_SHAPE_ID,
        spead2.DESCRIPTOR_FORMAT_ID,
        spead2.DESCRIPTOR_ID_ID,
        spead2.DESCRIPTOR_DTYPE_ID,
    ] == [0x10, 0x11, 0x12, 0x13, 0x14, 0x15]


def test_stream_control_values() -> None:
    assert [
        spead2.CTRL_STREAM_START,
        spead2.CTRL_DESCRIPTOR_REISSUE,
        spead2.CTRL_STREAM_STOP,
        spead2.CTRL_DESCRIPTOR_UPDATE,
    ] == [0, 1, 2, 3]


def test_bug_compatibility_bits() -> None:
    assert [
        spead2.BUG_COMPAT_DESCRIPTOR_WIDTHS,
        spead2.BUG_COMPAT_SHAPE_BIT_1,
        spead2.BUG_COMPAT_SWAP_ENDIAN,
        spead2.BUG_COMPAT_PYSPEAD_0_5_2,
    ] == [1, 2, 4, 7]


def test_first_automatic_id_is_0x1000() -> None:
    assert spead2.ItemGroup().add_item(None, "n", "d", (), "u1").id == 0x1000


# --- From heap to packets


def test_end_of_stream_is_one_packet_of_six_pointers_and_a_zero_byte() -> None:
    assert packets(send.ItemGroup().get_end(), cnt=7) == [
        words(
            "53 04 03 05 0000 0006",
            "800001 0000000007",
            "800002 0000000001",  # heap length: the byte of padding
            "800003 0000000000",
            "800004 0000000001",
            "800006 0000000002",  # stream control: stop
            "000000 0000000000",  # null: the payload proper ends at 0
            "00",
        )
    ]


def test_start_of_stream() -> None:
    (packet,) = packets(send.ItemGroup().get_start())
    assert packet[40:] == words("800006 0000000000", "000000 0000000000", "00")


def test_empty_heap_is_padding_only() -> None:
    assert packets(send.Heap()) == [
        words(
            "53 04 03 05 0000 0005",
            "800001 0000000001",
            "800002 0000000001",
            "800003 0000000000",
            "800004 0000000001",
            "000000 0000000000",
            "00",
        )
    ]


def test_payload_is_the_addressed_items_in_order() -> None:
    made = heap(
        item(0x1000, (6,), np.arange(0x10, 0x16), "u1"),
        item(0x1001, (), 0xABCD, ">u2"),
        item(0x0FFF, (7,), np.arange(0x20, 0x27), "u1"),
    )
    assert packets(made)[0][6:8] == words("0007")
    assert packets(made)[0][40:] == words(
        "001000 0000000000",
        "801001 000000ABCD",  # immediates have no place in the payload
        "000FFF 0000000006",  # after the six bytes of the first
        "101112131415",
        "20212223242526",
    )


def test_item_without_bytes_has_an_address() -> None:
    # A variable size forbids an immediate. The address is where it would be.
    made = heap(
        item(0x1000, (6,), np.arange(6), "u1"),
        item(0x1001, (None,), [], format=[("u", 8)]),
        item(0x1002, (6,), np.arange(6), "u1"),
    )
    assert packets(made)[0][40:64] == words(
        "001000 0000000000", "001001 0000000006", "001002 0000000006"
    )


def test_usable_packet_size_is_rounded_down_to_a_multiple_of_8() -> None:
    made = heap(item(0x1000, (100,), np.arange(100), "u1"))
    # 72: 40 of prefix, a pointer, 24 of payload; then 32 and 32 and the remaining 12.
    assert [len(p) for p in packets(made, size=72)] == [72, 72, 72, 52]
    assert packets(made, size=79) == packets(made, size=72)
    assert [len(p) for p in packets(made, size=80)] == [80, 80, 68]


@pytest.mark.parametrize("size", [0, 8, 48, 55])
def test_packet_size_below_56_is_an_error(size: int) -> None:
    with pytest.raises(ValueError, match=rf"max_packet_size {size} "):
        packets(send.Heap(), size=size)


def test_smallest_packet_holds_one_pointer_and_8_bytes() -> None:
    made = heap(item(0x1000, (17,), np.arange(17), "u1"))
    prefix = "53 04 03 05 0000"
    assert packets(made, size=56) == [
        words(
            prefix,
            "0005 800001 0000000001 800002 0000000011 800003 0000000000 800004 0000000008",
            "001000 0000000000",
            "0001020304050607",
        ),
        words(  # no pointer is left, so there is room for 16 bytes
            prefix,
            "0004 800001 0000000001 800002 0000000011 800003 0000000008 800004 0000000009",
            "08090A0B0C0D0E0F10",
        ),
    ]


def test_pointers_go_on_in_the_next_packet() -> None:
    # (72 - 48) / 8 = 3 pointers in a packet.
    made = heap(*[item(0x1000 + i, (), i, ">u4") for i in range(4)])
    # 4 / 3 + 1 = 2 packets, at least 8 + 1 bytes of payload: nine zeros and a null pointer.
    assert packets(made, size=72) == [
        words(
            "53 04 03 05 0000 0007",
            "800001 0000000001 800002 0000000009 800003 0000000000 800004 0000000008",
            "801000 0000000000 801001 0000000001 801002 0000000002",
            "0000000000000000",
        ),
        words(
            "53 04 03 05 0000 0006",
            "800001 0000000001 800002 0000000009 800003 0000000008 800004 0000000001",
            "801003 0000000003",
            "000000 0000000000",
            "00",
        ),
    ]


def test_padding_counts_items_before_the_null_pointer() -> None:
    # Three items fill the three places: 3 / 3 + 1 = 2 packets, the second for null alone.
    made = heap(*[item(0x1000 + i, (), i, ">u4") for i in range(3)])
    first, second = packets(made, size=72)
    assert first[40:] == words(
        "801000 0000000000 801001 0000000001 801002 0000000002", "0000000000000000"
    )
    assert second == words(
        "53 04 03 05 0000 0005",
        "800001 0000000001 800002 0000000009 800003 0000000008 800004 0000000001",
        "000000 0000000000",
        "00",
    )


def test_padding_follows_the_payload_that_there_is() -> None:
    # Four items, two packets, at least 9 bytes; 6 are there. Null says that they end at 6.
    made = heap(
        *[item(0x1000 + i, (), i, ">u4") for i in range(3)],
        item(0x1003, (6,), np.arange(1, 7), "u1"),
    )
    first, second = packets(made, size=72)
    assert first[64:] == words("010203040506 0000")
    assert second[6:] == words(
        "0006",
        "800001 0000000001 800002 0000000009 800003 0000000008 800004 0000000001",
        "001003 0000000000",
        "000000 0000000006",
        "00",
    )


def test_no_padding_where_the_payload_suffices() -> None:
    made = heap(
        *[item(0x1000 + i, (), i, ">u4") for i in range(3)],
        item(0x1003, (9,), np.arange(1, 10), "u1"),
    )
    first, second = packets(made, size=72)
    assert first[64:] == words("0102030405060708")
    assert second[6:8] == words("0005")
    assert second[40:] == words("001003 0000000000", "09")


def test_repeated_pointers_are_in_every_packet() -> None:
    made = heap(item(0x1000, (20,), np.arange(20), "u1"), item(0x1001, (), 5, ">u4"))
    made.repeat_pointers = True
    pointers = "001000 0000000000 801001 0000000005"
    # 72 - 40 - 16 = 16 bytes of payload in each.
    assert packets(made, size=72) == [
        words(
            "53 04 03 05 0000 0006",
            "800001 0000000001 800002 0000000014 800003 0000000000 800004 0000000010",
            pointers,
            "000102030405060708090A0B0C0D0E0F",
        ),
        words(
            "53 04 03 05 0000 0006",
            "800001 0000000001 800002 0000000014 800003 0000000010 800004 0000000004",
            pointers,
            "10111213",
        ),
    ]


def test_repeated_pointers_must_fit_one_packet() -> None:
    made = heap(*[item(0x1000 + i, (16,), np.arange(16), "u1") for i in range(3)])
    made.repeat_pointers = True
    # n pointers and room for null: 48 + 8 * (3 + 1) = 80
    assert len(packets(made, size=80)) == 3
    with pytest.raises(ValueError, match=r"repeat_pointers .* 79 "):
        send.PacketGenerator(made, 1, 79)


def test_immediate_is_at_most_as_long_as_an_address() -> None:
    five, six = np.arange(1, 6, dtype="u1"), np.arange(1, 7, dtype="u1")
    assert packets(heap(item(0x1000, (5,), five, "u1")))[0][40:48] == words("801000 0102030405")
    assert packets(heap(item(0x1000, (6,), six, "u1")))[0][40:48] == words("001000 0000000000")
    in_48 = packets(heap(item(0x1000, (6,), six, "u1"), flavour=FLAVOUR_48))
    assert in_48[0][40:48] == words("9000 010203040506")


def test_immediate_stands_right_aligned() -> None:
    made = heap(item(0x1000, (), 0x1234, ">u2"), item(0x1001, (), 0x1234, "<u2"))
    assert packets(made)[0][40:56] == words("801000 0000001234", "801001 0000003412")


def test_immediate_needs_a_fixed_shape() -> None:
    variable = item(0x1000, (None,), [0xAB], format=[("u", 8)])
    assert packets(heap(variable))[0][40:] == words("001000 0000000000", "AB")
    fixed = item(0x1000, (1,), [0xAB], format=[("u", 8)])
    assert packets(heap(fixed))[0][40:48] == words("801000 00000000AB")


def test_immediate_needs_whole_bytes_per_element() -> None:
    # Two elements of 4 bits are a byte, but one is not.
    assert packets(heap(item(0x1000, (2,), [1, 2], format=[("u", 4)])))[0][40:] == words(
        "001000 0000000000", "12"
    )
    made = heap(item(0x1000, (), (1, 2), format=[("u", 4), ("u", 4)]))
    assert packets(made)[0][40:48] == words("801000 0000000012")


def test_item_of_no_elements_is_an_immediate_of_zero() -> None:
    assert packets(heap(item(0x1000, (0,), [], "u2")))[0][40:48] == words("801000 0000000000")


def test_descriptors_are_never_immediates() -> None:
    made = send.Heap(spead2.Flavour(4, 64, 56))
    made.add_descriptor(spead2.Descriptor(1, "", "", (), format=[("u", 8)]))
    assert packets(made)[0][40:48] == words("05 00000000000000")


def test_low_bits_of_the_cnt_are_sent() -> None:
    assert packets(send.Heap(), cnt=2**40 + 5)[0][8:16] == words("800001 0000000005")
    in_8 = send.Heap(spead2.Flavour(4, 64, 8))
    assert packets(in_8, cnt=0x1FF)[0][8:16] == words("80000000000001 FF")


def sent_cnts(stream: send.BytesStream) -> list[int]:
    value = stream.getvalue()
    # An empty heap is one packet of 49 bytes; its cnt is in bytes 11 to 15.
    return [int.from_bytes(value[i + 11 : i + 16], "big") for i in range(0, len(value), 49)]


def test_automatic_cnts_run_from_next_in_steps() -> None:
    stream = send.BytesStream(spead2.ThreadPool())
    stream.send_heap(send.Heap())
    stream.send_heap(send.Heap())
    stream.set_cnt_sequence(10, 3)
    stream.send_heap(send.Heap())
    stream.send_heap(send.Heap(), 100)  # takes none of the sequence
    stream.send_heap(send.Heap())
    stream.set_cnt_sequence(2**40 - 1, 2)
    stream.send_heap(send.Heap())
    stream.send_heap(send.Heap())
    assert sent_cnts(stream) == [1, 2, 10, 100, 13, 2**40 - 1, 1]


def test_explicit_cnt_of_too_many_bits_is_an_error() -> None:
    stream = send.BytesStream(spead2.ThreadPool())
    stream.send_heap(send.Heap(), 2**40 - 1)
    with pytest.raises(OSError, match=r"Invalid argument") as info:
        stream.send_heap(send.Heap(), 2**40)
    assert info.value.errno == 22
    stream.send_heap(send.Heap())  # the sequence is where it was
    assert sent_cnts(stream) == [2**40 - 1, 1]


# --- Flavour


def test_default_flavour() -> None:
    flavour = spead2.Flavour()
    assert (
        flavour.version,
        flavour.item_pointer_bits,
        flavour.heap_address_bits,
        flavour.bug_compat,
    ) == (4, 64, 40, 0)
    assert flavour == spead2.Flavour(4, 64, 40, 0)


@pytest.mark.parametrize("bits", range(8, 64, 8))
def test_every_multiple_of_8_bits_is_a_flavour(bits: int) -> None:
    assert spead2.Flavour(4, 64, bits).heap_address_bits == bits


@pytest.mark.parametrize(
    ("arguments", "bad"),
    [
        ((3, 64, 40), "3"),
        ((5, 64, 40), "5"),
        ((4, 32, 40), "32"),
        ((4, 128, 40), "128"),
        ((4, 64, 0), "0"),
        ((4, 64, 64), "64"),
        ((4, 64, 72), "72"),
        ((4, 64, 12), "12"),
        ((4, 64, -8), "-8"),
    ],
)
def test_any_other_flavour_is_an_error(arguments: tuple[int, int, int], bad: str) -> None:
    with pytest.raises(ValueError, match=rf"(?<!\d){bad}\b"):
        spead2.Flavour(*arguments)


def test_numbers_of_the_protocol() -> None:
    names = ["NULL", "HEAP_CNT", "HEAP_LENGTH", "PAYLOAD_OFFSET", "PAYLOAD_LENGTH"]
    names += ["DESCRIPTOR", "STREAM_CTRL"]
    numbers = {f"{name}_ID": number for number, name in enumerate(names)}
    names = ["NAME", "DESCRIPTION", "SHAPE", "FORMAT", "ID", "DTYPE"]
    numbers.update({f"DESCRIPTOR_{name}_ID": 0x10 + number for number, name in enumerate(names)})
    names = ["STREAM_START", "DESCRIPTOR_REISSUE", "STREAM_STOP", "DESCRIPTOR_UPDATE"]
    numbers.update({f"CTRL_{name}": number for number, name in enumerate(names)})
    there = {name: getattr(engine, name, None) for name in numbers}
    assert there == numbers


def test_an_item_without_value_is_not_sent() -> None:
    for more in ({"format": [("u", 48)]}, {"dtype": np.uint8}):
        with pytest.raises(ValueError, match="item 'n' has no value"):
            send.Heap().add_item(item(0x1000, (), None, **more))
