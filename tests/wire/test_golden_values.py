# SPDX-License-Identifier: Apache-2.0
"""Values byte for byte, worked out by hand from the protocol's rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spead2
import spead2.send as send


def item(
    shape: tuple[int | None, ...],
    value: Any,
    dtype: Any = None,
    order: str = "C",
    format: list[tuple[str, int]] | None = None,
) -> spead2.Item:
    return spead2.Item(0x1000, "n", "d", shape, dtype, order, format, value=value)


def on_wire(one: spead2.Item) -> bytes:
    """Return the addressed bytes, or the value field of an immediate without leading zeros."""
    heap = send.Heap()
    heap.add_item(one)
    return payload(heap)


def payload(heap: send.Heap) -> bytes:
    (packet,) = send.PacketGenerator(heap, 1, 9000)
    if packet[40] & 0x80:
        return packet[43:48].lstrip(b"\0")
    return packet[48:]


def scalar(code: str, bits: int, value: Any) -> bytes:
    return bytes(memoryview(item((), value, format=[(code, bits)]).to_buffer()).cast("B"))


# --- dtype items


def test_dtype_values_keep_their_byte_order() -> None:
    assert on_wire(item((3,), [1, 2, 3], "<u2")) == bytes.fromhex("0100 0200 0300")
    assert on_wire(item((3,), [1, 2, 3], ">u2")) == bytes.fromhex("0001 0002 0003")


def test_values_of_another_type_are_converted() -> None:
    big = np.array([1, 2, 3], ">i8")
    assert on_wire(item((3,), big, "<u2")) == bytes.fromhex("0100 0200 0300")
    assert on_wire(item((3,), np.array([1.0, 2.5, -1.0]), "<i2")) == bytes.fromhex("0100 0200 FFFF")


def test_c_order_has_the_last_index_run_fastest() -> None:
    value = np.array([[1, 2, 3], [4, 5, 6]], "u1")
    assert on_wire(item((2, 3), value, "u1")) == bytes.fromhex("010203040506")


def test_fortran_order_has_the_first_index_run_fastest() -> None:
    value = np.array([[1, 2, 3], [4, 5, 6]], "u1")
    assert on_wire(item((2, 3), value, "u1", "F")) == bytes.fromhex("010402050306")
    assert on_wire(item((2, 3), np.asfortranarray(value), "u1", "F")) == bytes.fromhex(
        "010402050306"
    )


def test_strided_values_are_gathered() -> None:
    value = np.arange(24, dtype="u1").reshape(4, 6)[::2, 5:2:-1]
    assert on_wire(item((2, 3), value, "u1")) == bytes([5, 4, 3, 17, 16, 15])


@pytest.mark.parametrize("order", ["C", "F"])
def test_contiguous_array_is_referenced(order: Any) -> None:
    value = np.array([[1, 2, 3], [4, 5, 6]], ">u2", order=order)
    one = item((2, 3), value, ">u2", order)
    heap = send.Heap()
    heap.add_item(one)
    value[:] = [[7, 8, 9], [10, 11, 12]]
    assert payload(heap) == value.tobytes(order)
    assert np.shares_memory(np.asarray(one.to_buffer()), value)


def test_read_only_array_is_referenced() -> None:
    value = np.arange(10, dtype="u1")
    value.flags.writeable = False
    assert np.shares_memory(np.asarray(item((10,), value, "u1").to_buffer()), value)


def test_array_is_read_when_packets_are_made_even_if_immediate() -> None:
    value = np.array([1, 2], "u1")
    heap = send.Heap()
    heap.add_item(item((2,), value, "u1"))
    value[:] = [3, 4]
    assert payload(heap) == b"\x03\x04"
    value[:] = [5, 6]
    assert payload(heap) == b"\x05\x06"


def test_struct_has_its_fields_in_their_own_byte_orders() -> None:
    one = item((2,), [(1, 2), (3, 4)], [("a", "<u4"), ("b", ">u2")])
    assert on_wire(one) == bytes.fromhex("01000000 0002 03000000 0004")


# --- format items


@pytest.mark.parametrize(
    ("code", "bits", "value", "encoded"),
    [
        ("u", 8, 0xAB, "AB"),
        ("u", 16, 0x1234, "1234"),
        ("u", 32, 0x12345678, "12345678"),
        ("u", 64, 2**64 - 1, "FFFFFFFFFFFFFFFF"),
        ("i", 8, -1, "FF"),
        ("i", 16, -2, "FFFE"),
        ("i", 32, -(2**31), "80000000"),
        ("i", 64, -5, "FFFFFFFFFFFFFFFB"),
        ("f", 32, 1.5, "3FC00000"),  # sign 0, exponent 127, fraction .1
        ("f", 64, -2.0, "C000000000000000"),  # sign 1, exponent 1024, fraction 0
        ("b", 8, True, "01"),
        ("c", 8, "A", "41"),
    ],
)
def test_numpy_like_formats_are_big_endian(code: str, bits: int, value: Any, encoded: str) -> None:
    assert scalar(code, bits, value) == bytes.fromhex(encoded)


def test_several_numpy_like_fields_make_a_struct() -> None:
    one = item((2,), [(1, -2, 1.5), (2, -1, 0.0)], format=[("u", 8), ("i", 16), ("f", 32)])
    assert on_wire(one) == bytes.fromhex("01 FFFE 3FC00000  02 FFFF 00000000")


@pytest.mark.parametrize(
    ("code", "bits", "value", "encoded"),
    [
        ("u", 24, 0x123456, "123456"),
        ("u", 40, 0x123456789A, "123456789A"),
        ("u", 48, 2**48 - 1, "FFFFFFFFFFFF"),
        ("u", 56, 5, "00000000000005"),
        ("i", 24, -1, "FFFFFF"),
        ("i", 24, -(2**23), "800000"),
        ("i", 24, 2**23 - 1, "7FFFFF"),
        ("i", 40, -5, "FFFFFFFFFB"),
        ("i", 40, -(2**39), "8000000000"),
        ("i", 48, -5, "FFFFFFFFFFFB"),
        ("i", 48, -(2**47), "800000000000"),
        ("i", 56, -(2**55), "80000000000000"),
    ],
)
def test_scalar_of_whole_bytes_is_the_low_bytes_of_64_bits(
    code: str, bits: int, value: int, encoded: str
) -> None:
    assert scalar(code, bits, value) == bytes.fromhex(encoded)
    assert scalar(code, bits, np.int64(value)) == bytes.fromhex(encoded)
    assert scalar(code, bits, np.array(value, f">{code}8")) == bytes.fromhex(encoded)
    assert scalar(code, bits, np.array(value, f"<{code}8")) == bytes.fromhex(encoded)


@pytest.mark.parametrize("bits", [24, 40, 48, 56])
def test_u8_array_behind_a_scalar_can_be_changed_in_place(bits: int) -> None:
    value = np.array(5, ">u8")
    heap = send.Heap()
    heap.add_item(item((), value, format=[("u", bits)]))
    value[()] = 0x0102
    assert payload(heap).lstrip(b"\0") == b"\x01\x02"
    value[()] = 0x0304
    assert payload(heap).lstrip(b"\0") == b"\x03\x04"


@pytest.mark.parametrize("width", [1, 3, 4, 7, 9, 12, 23, 33, 63, 65, 128])
def test_negative_values_of_every_width(width: int) -> None:
    least = -(1 << (width - 1))
    # Three elements, each a one and zeros, then ones, packed without gaps.
    bits = int(("1" + "0" * (width - 1)) + "1" * width + "0" * width, 2)
    length = (3 * width + 7) // 8
    expected = (bits << (8 * length - 3 * width)).to_bytes(length, "big")
    assert on_wire(item((3,), [least, -1, 0], format=[("i", width)])) == expected


def test_bits_are_packed_most_significant_first() -> None:
    # 0001 1110 0 -> 0001 1110 0000 0000
    assert on_wire(item((), (1, -2, False), format=[("u", 4), ("i", 4), ("b", 1)])) == b"\x1e\x00"
    # 000000000001 111111111110 -> 00 1F FE
    assert on_wire(item((2,), [1, -2], format=[("i", 12)])) == b"\x00\x1f\xfe"


def test_padding_is_at_the_very_end_only() -> None:
    # 101 011 -> 1010 1100; across rows too.
    assert on_wire(item((2,), [5, 3], format=[("u", 3)])) == b"\xac"
    assert on_wire(item((2, 1), [[5], [3]], format=[("u", 3)])) == b"\xac"
    assert on_wire(item((9,), np.ones(9, bool), format=[("b", 1)])) == b"\xff\x80"


def test_reals_and_characters_can_be_packed() -> None:
    # 0001 then 3FC00000 then 41
    one = item((), (1, 1.5, b"A"), format=[("u", 4), ("f", 32), ("c", 8)])
    assert on_wire(one) == bytes.fromhex("13FC0000 0410")


@pytest.mark.parametrize(
    ("code", "bits", "value"),
    [
        ("u", 4, 16),
        ("u", 4, -1),
        ("i", 4, 8),
        ("i", 4, -9),
        ("u", 12, 4096),
        ("i", 12, -2049),
        ("u", 65, 2**65),
        ("i", 127, 2**126),
    ],
)
def test_value_that_does_not_fit_its_bits_is_an_error(code: str, bits: int, value: int) -> None:
    with pytest.raises(ValueError, match=rf"(?<!\d){value} .*{code}{bits}"):
        item((1,), [value], format=[(code, bits)]).to_buffer()
    with pytest.raises(ValueError, match=rf"(?<!\d){value} .*{code}{bits}"):
        item((1,), [(0, value)], format=[("u", 3), (code, bits)]).to_buffer()
    with pytest.raises(ValueError, match=rf"(?<!\d){value} .*{code}{bits}"):
        item((), value, format=[(code, bits)]).to_buffer()


@pytest.mark.parametrize("bits", [24, 40, 48, 56])
def test_an_unsigned_number_alone_wraps(bits: int) -> None:
    for value in (2**bits, 2**bits + 5, 2**63 + 7, 2**64 - 1):
        low = (value % 2**bits).to_bytes(bits // 8, "big")
        assert scalar("u", bits, value) == low
        assert scalar("u", bits, np.uint64(value)) == low
        assert scalar("u", bits, np.array(value, ">u8")) == low
        assert on_wire(item((), value, format=[("u", bits)])).lstrip(b"\0") == low.lstrip(b"\0")


@pytest.mark.parametrize("bits", [24, 40, 48, 56])
def test_what_no_unsigned_number_is_does_not_wrap(bits: int) -> None:
    for value in (-1, -(2**bits), 2**64, -(2**70)):
        text = (
            rf"^{value} is out of range for u{bits}: must be from 0 to {2**bits - 1}; of larger "
            rf"ones, up to {2**64 - 1}, the low {bits} bits are sent \(item 'n', value "
        )
        for make in (scalar, lambda *a: on_wire(item((), a[2], format=[(a[0], a[1])]))):
            with pytest.raises(OverflowError, match=text):
                make("u", bits, value)


@pytest.mark.parametrize("bits", [24, 40, 48, 56])
def test_a_signed_number_does_not_wrap(bits: int) -> None:
    half = 2 ** (bits - 1)
    for value in (half, -half - 1, 2 * half, 2**63, 2**64 - 1, -(2**63), 2**64):
        text = f"^{value} is out of range for i{bits}: must be from {-half} to {half - 1} "
        with pytest.raises(OverflowError, match=text):
            scalar("i", bits, value)


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_types_of_numpy_do_not_wrap(bits: int) -> None:
    for value in (-1, 2**bits, 2**70):
        text = f"^{value} is out of range for u{bits}: must be from 0 to {2**bits - 1} "
        with pytest.raises(OverflowError, match=text):
            scalar("u", bits, value)
        with pytest.raises(OverflowError, match=text):
            item((), value, f"<u{bits // 8}").to_buffer()
    half = 2 ** (bits - 1)
    for value in (half, -half - 1):
        text = f"^{value} is out of range for i{bits}: must be from {-half} to {half - 1} "
        with pytest.raises(OverflowError, match=text):
            scalar("i", bits, value)


def test_numbers_in_arrays_and_structures_do_not_wrap() -> None:
    text = r"^16777216 is out of range for u24: must be from 0 to 16777215 \(item"
    for value in ([1, 2**24], np.array([1, 2**24]), np.array([1, 2**24], object)):
        with pytest.raises(ValueError, match=text):
            item((2,), value, format=[("u", 24)]).to_buffer()
    with pytest.raises(ValueError, match=text):
        item((), (2**24, 0), format=[("u", 24), ("i", 8)]).to_buffer()
    with pytest.raises(ValueError, match=r"^-1 is out of range for u65: must be from 0 to 2\*\*65"):
        item((), -1, format=[("u", 65)]).to_buffer()


def test_a_number_of_any_length_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"^a number of \d+ bits is out of range for u12: "):
        item((), 10**5000, format=[("u", 12)]).to_buffer()


@pytest.mark.parametrize("bits", [1, 8, 12, 64, 65, 130])
def test_truth_values_of_every_width(bits: int) -> None:
    for value in (0, 1, 7, -3, 2**64, True):
        whole = (int(bool(value)) << (-bits % 8)).to_bytes((bits + 7) // 8, "big")
        assert scalar("b", bits, value) == whole


# --- Padding


@pytest.mark.parametrize("order", ["C", "F"])
def test_padding_is_zero_where_the_value_is_converted(order: Any) -> None:
    inner = np.dtype([("p", "u1"), ("q", ">u2")], align=True)
    dtype = np.dtype([("a", "u1"), ("b", "<f8"), ("c", inner, (3,)), ("d", "u1")], align=True)
    one = (1, 2.0, [(3, 4), (5, 6), (7, 8)], 9)
    values: list[Any] = [[[one] * 3] * 2]
    stale = np.frombuffer(b"\xaa" * (dtype.itemsize * 24), dtype).reshape(4, 6).copy()
    for name in dtype.names or ():
        stale[name] = np.array([[one] * 6] * 4, dtype)[name]
    values.append(stale[::2, ::2])  # gathered
    element = (
        b"\1"
        + bytes(7)
        + np.array(2.0, "<f8").tobytes()
        + b"".join(bytes([p, 0, 0, p + 1]) for p in (3, 5, 7))
        + b"\x09"
        + bytes(3)
    )
    assert len(element) == dtype.itemsize
    for value in values:
        for _ in range(20):
            junk = [np.full(dtype.itemsize * 6, 0x5A, np.uint8) for _ in range(20)]
            del junk  # is used again
            assert on_wire(item((2, 3), value, dtype, order)) == element * 6


def test_padding_of_long_doubles_is_zero() -> None:
    for name in (np.longdouble, np.clongdouble):
        dtype = np.dtype(name)
        size = np.dtype(np.longdouble).itemsize
        used = 10 if np.finfo(np.longdouble).nmant == 63 else size
        for order in "<>":
            junk = [np.full(3 * dtype.itemsize, 0x5A, np.uint8) for _ in range(20)]
            del junk
            sent = on_wire(item((3,), [1, 1 / 3, -2], dtype.newbyteorder(order)))
            parts = [sent[i : i + size] for i in range(0, len(sent), size)]
            for part in parts:
                assert (part[used:] if order == "<" else part[: size - used]) == bytes(size - used)
            assert any(parts)


def test_memory_that_is_referenced_is_sent_with_its_padding() -> None:
    dtype = np.dtype([("a", "u1"), ("b", "<u4")], align=True)
    value = np.frombuffer(bytes(range(1, 17)), dtype)
    assert on_wire(item((2,), value, dtype)) == bytes(range(1, 17))


# --- Texts


@pytest.mark.parametrize("value", ["hello", b"hello"])
@pytest.mark.parametrize("shape", [(5,), (None,)])
def test_text_for_one_dimension_is_split_into_characters(
    value: Any, shape: tuple[int | None, ...]
) -> None:
    assert on_wire(item(shape, value, format=[("c", 8)])) == b"hello"


def test_text_for_one_dimension_of_a_dtype_is_split() -> None:
    assert on_wire(item((5,), "hello", "S1")) == b"hello"
    # Elements of two bytes hold one character each.
    assert on_wire(item((3,), "hey", "S2")) == b"h\0e\0y\0"


def test_text_for_no_dimension_is_one_element() -> None:
    assert on_wire(item((), "hello!", "S7")) == b"hello!\0"


def test_bytes_above_ascii_can_be_sent_but_not_such_characters() -> None:
    assert on_wire(item((None,), b"h\xe9\xff", format=[("c", 8)])) == b"h\xe9\xff"
    with pytest.raises(UnicodeEncodeError):
        item((None,), "h\u00e9", format=[("c", 8)]).to_buffer()
