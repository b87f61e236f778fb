# SPDX-License-Identifier: Apache-2.0
"""Descriptors byte for byte, worked out by hand from the protocol's rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spead2
import spead2.send as send


def descriptor_bytes(
    flavour: spead2.Flavour, descriptor: spead2.Descriptor, outer_prefix: int = 48
) -> bytes:
    heap = send.Heap(flavour)
    heap.add_descriptor(descriptor)
    (packet,) = send.PacketGenerator(heap, 1, 9000)
    assert packet[7] == 5  # the descriptor's is the only pointer after the four
    return packet[outer_prefix:]


def words(*parts: str) -> bytes:
    return bytes.fromhex("".join(parts))


def describe(
    shape: tuple[int | None, ...] = (),
    dtype: Any = None,
    order: str = "C",
    format: list[tuple[str, int]] | None = None,
    **others: Any,
) -> spead2.Descriptor:
    arguments = {"id": 0x21, "name": "nm", "description": "desc", **others}
    return spead2.Descriptor(**arguments, shape=shape, dtype=dtype, order=order, format=format)


FORMAT = [("u", 12), ("c", 8)]
SHAPE = (2, None)


def test_descriptor_is_one_packet_in_the_same_flavour() -> None:
    # 2 bytes of name, 4 of description, two fields of 4, two dimensions of 6: 26 = 0x1A
    assert descriptor_bytes(spead2.Flavour(), describe(SHAPE, format=FORMAT)) == words(
        "53 04 03 05 0000 0009",
        "800001 0000000001",  # heap cnt 1
        "800002 000000001A",
        "800003 0000000000",
        "800004 000000001A",
        "800014 0000000021",  # ID, an immediate
        "000010 0000000000",  # name
        "000011 0000000002",  # description
        "000013 0000000006",  # format
        "000012 000000000E",  # shape
        "6E6D",  # nm
        "64657363",  # desc
        "75 00000C  63 000008",  # u 12, c 8
        "00 0000000002  01 0000000000",  # 2 fixed, the other variable
    )


def test_field_widths_follow_the_address_width() -> None:
    # Format fields: 9 - 6 = 3 bytes. Dimensions: 1 + 6 = 7 bytes. 2 + 4 + 6 + 14 = 26
    assert descriptor_bytes(spead2.Flavour(4, 64, 48), describe(SHAPE, format=FORMAT)) == words(
        "53 04 02 06 0000 0009",
        "8001 000000000001",
        "8002 00000000001A",
        "8003 000000000000",
        "8004 00000000001A",
        "8014 000000000021",
        "0010 000000000000",
        "0011 000000000002",
        "0013 000000000006",
        "0012 00000000000C",
        "6E6D 64657363",
        "75 000C  63 0008",
        "00 000000000002  01 000000000000",
    )
    # 9 - 3 = 6 and 1 + 3 = 4 bytes: 2 + 4 + 12 + 8 = 26
    assert descriptor_bytes(spead2.Flavour(4, 64, 24), describe(SHAPE, format=FORMAT))[
        -20:
    ] == words("75 000000000C  63 0000000008", "00 000002  01 000000")


def test_descriptor_widths_bug_has_fields_of_4_and_8_bytes() -> None:
    flavour = spead2.Flavour(4, 64, 48, spead2.BUG_COMPAT_DESCRIPTOR_WIDTHS)
    # 2 + 4 + 2 * 4 + 2 * 8 = 30 = 0x1E
    made = descriptor_bytes(flavour, describe(SHAPE, format=FORMAT))
    assert made[16:24] == words("8002 00000000001E")
    assert made[80:] == words(
        "6E6D 64657363",
        "75 00000C  63 000008",
        "00 00000000000002  01 00000000000000",
    )


def test_shape_bit_1_bug_says_2_for_variable() -> None:
    flavour = spead2.Flavour(4, 64, 40, spead2.BUG_COMPAT_SHAPE_BIT_1)
    made = descriptor_bytes(flavour, describe(SHAPE, format=FORMAT))
    assert made[-12:] == words("00 0000000002  02 0000000000")


@pytest.mark.parametrize(
    ("described", "swapped"),
    [
        ("<u4", "'>u4'"),
        (">f8", "'<f8'"),
        ("|u1", "'|u1'"),
        ("S4", "'|S4'"),
        ([("a", "<i2"), ("b", "u1"), ("c", ">f4", (2,))],
         "[('a', '>i2'), ('b', '|u1'), ('c', '<f4', (2,))]"),
    ],
)  # fmt: skip
def test_swap_endian_bug_names_the_other_byte_order(described: Any, swapped: str) -> None:
    flavour = spead2.Flavour(4, 64, 40, spead2.BUG_COMPAT_SWAP_ENDIAN)
    made = descriptor_bytes(flavour, describe((3,), described))
    text = f"{{'descr': {swapped}, 'fortran_order': False, 'shape': (3,)}}"
    assert made.endswith(text.encode())


def test_swap_endian_bug_leaves_the_data() -> None:
    flavour = spead2.Flavour(4, 64, 40, spead2.BUG_COMPAT_SWAP_ENDIAN)
    heap = send.Heap(flavour)
    heap.add_item(spead2.Item(0x21, "n", "d", (4,), "<u2", value=[1, 2, 3, 4]))
    assert next(send.PacketGenerator(heap, 1, 1472))[48:] == words("0100 0200 0300 0400")


def test_numpy_header_comes_last_and_replaces_the_format() -> None:
    # The text has 56 bytes; 2 + 4 + 0 + 2 * 6 + 56 = 74 = 0x4A
    header = b"{'descr': '<c8', 'fortran_order': True, 'shape': (2, 3)}"
    assert descriptor_bytes(spead2.Flavour(), describe((2, 3), "<c8", "F")) == (
        words(
            "53 04 03 05 0000 000A",
            "800001 0000000001",
            "800002 000000004A",
            "800003 0000000000",
            "800004 000000004A",
            "800014 0000000021",
            "000010 0000000000",
            "000011 0000000002",
            "000013 0000000006",  # no format fields
            "000012 0000000006",
            "000015 0000000012",  # the numpy header, after 18 bytes
            "6E6D 64657363",
            "00 0000000002  00 0000000003",
        )
        + header
    )


@pytest.mark.parametrize(
    ("dtype", "shape", "order", "text"),
    [
        ("<u4", (), "C", "{'descr': '<u4', 'fortran_order': False, 'shape': ()}"),
        (">f2", (3,), "C", "{'descr': '>f2', 'fortran_order': False, 'shape': (3,)}"),
        (bool, (0,), "C", "{'descr': '|b1', 'fortran_order': False, 'shape': (0,)}"),
        ("S5", (1, 2, 3), "F", "{'descr': '|S5', 'fortran_order': True, 'shape': (1, 2, 3)}"),
        ("U5", (), "C", "{'descr': '<U5', 'fortran_order': False, 'shape': ()}"),
        ("V4", (), "C", "{'descr': '|V4', 'fortran_order': False, 'shape': ()}"),
        (
            [("a", "<u4"), ("b", ">f8", (2,))],
            (),
            "C",
            "{'descr': [('a', '<u4'), ('b', '>f8', (2,))], 'fortran_order': False, 'shape': ()}",
        ),
        (
            [("a", "<u4"), ("b", [("c", "S3"), ("d", "?")])],
            (2,),
            "C",
            "{'descr': [('a', '<u4'), ('b', [('c', '|S3'), ('d', '|b1')])], "
            "'fortran_order': False, 'shape': (2,)}",
        ),
        (
            np.dtype([("a", "u1"), ("b", "<u4")], align=True),
            (),
            "C",
            "{'descr': [('a', '|u1'), ('', '|V3'), ('b', '<u4')], "
            "'fortran_order': False, 'shape': ()}",
        ),
    ],
)
def test_numpy_header_is_the_dict_of_an_npy_file(
    dtype: Any, shape: tuple[int, ...], order: str, text: str
) -> None:
    made = descriptor_bytes(spead2.Flavour(), describe(shape, dtype, order))
    start = 88 + 6 + 6 * len(shape)  # prefix and six pointers, texts, dimensions
    assert made[start:] == text.encode()


def test_numpy_integers_in_the_shape_are_written_as_numbers() -> None:
    made = descriptor_bytes(
        spead2.Flavour(),
        describe((np.int64(3), np.int32(2)), "u1"),  # type: ignore[arg-type]
    )
    assert made.endswith(b"'shape': (3, 2)}")


def test_shape_of_a_scalar_is_present_and_empty() -> None:
    made = descriptor_bytes(spead2.Flavour(), describe((), format=[("f", 32)]))
    assert made[64:] == words(
        "000013 0000000006", "000012 000000000A", "6E6D 64657363", "66 000020"
    )


@pytest.mark.parametrize("bits", range(8, 64, 8))
def test_item_ids_have_what_the_address_leaves_of_63_bits(bits: int) -> None:
    flavour = spead2.Flavour(4, 64, bits)
    largest = 2 ** (63 - bits) - 1
    heap = send.Heap(flavour)
    for good in (1, largest):
        heap.add_descriptor(describe(id=min(good, 2**bits - 1), format=[("u", 8)]))
        heap.add_item(spead2.Item(good, "n", "d", (), format=[("u", 8)], value=1))
    for bad in (0, -1, largest + 1, 2**63, 2**64, 2**64 + 1, 2**100):
        with pytest.raises(ValueError, match=str(bad) if bad > 0 else "-?[01]"):
            heap.add_descriptor(describe(id=bad, format=[("u", 8)]))
        with pytest.raises(ValueError, match=str(bad) if bad > 0 else "-?[01]"):
            heap.add_item(spead2.Item(bad, "n", "d", (), format=[("u", 8)], value=1))
    if 2**bits <= largest:  # the descriptor has its ID in an immediate
        with pytest.raises(ValueError, match=str(2**bits)):
            heap.add_descriptor(describe(id=2**bits, format=[("u", 8)]))
    # What was refused has left no trace: two descriptors, two items.
    assert next(send.PacketGenerator(heap, 1, 1472))[7] == 4 + 4


@pytest.mark.parametrize("text", ["\u00e9", "na\u00efve", "\U0001f52d", "\udc80"])
@pytest.mark.parametrize("what", ["name", "description"])
def test_texts_must_be_ascii(what: str, text: str) -> None:
    heap = send.Heap()
    with pytest.raises(UnicodeEncodeError):
        heap.add_descriptor(describe(**{what: text}, format=[("u", 8)]))
    assert next(send.PacketGenerator(heap, 1, 1472))[7] == 5  # nothing but null


def test_texts_of_any_ascii_are_sent() -> None:
    name = bytes(range(128)).decode("ascii")
    made = descriptor_bytes(spead2.Flavour(), describe(name=name, format=[("u", 8)]))
    assert made[80 : 80 + 128] == bytes(range(128))


@pytest.mark.parametrize(
    ("bits", "bug_compat", "largest"),
    [(40, 0, 2**24 - 1), (48, 0, 2**16 - 1), (56, 0, 2**8 - 1), (8, 1, 2**24 - 1)],
)
def test_width_of_a_format_field_must_fit_the_descriptor(
    bits: int, bug_compat: int, largest: int
) -> None:
    flavour = spead2.Flavour(4, 64, bits, bug_compat)
    made = descriptor_bytes(flavour, describe(format=[("u", largest)]))
    length = (largest.bit_length() + 7) // 8
    assert made[86 : 86 + 1 + length] == b"u" + largest.to_bytes(length, "big")
    with pytest.raises(ValueError, match=str(largest + 1)):
        descriptor_bytes(flavour, describe(format=[("u", largest + 1)]))


@pytest.mark.parametrize(("bits", "largest"), [(8, 2**8 - 1), (24, 2**24 - 1)])
def test_size_of_a_dimension_must_fit_the_descriptor(bits: int, largest: int) -> None:
    flavour = spead2.Flavour(4, 64, bits)
    made = descriptor_bytes(flavour, describe((largest,), format=[("u", 8)]))
    assert made.endswith(largest.to_bytes(bits // 8, "big"))
    with pytest.raises(ValueError, match=str(largest + 1)):
        descriptor_bytes(flavour, describe((largest + 1,), format=[("u", 8)]))
