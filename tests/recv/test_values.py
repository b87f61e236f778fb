# SPDX-License-Identifier: Apache-2.0
"""Received bytes become values: of every kind, without a copy where that can be, never others."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any

import hypothesis
import numpy as np
import pytest
import raw_items
import strategies
from hypothesis import strategies as st
from raw_items import Addressed, Immediate, describe, immediate, numbered

import spead2


def receive(item: spead2.Item, raw: Any, new_order: str = "=") -> Any:
    item.set_from_raw(raw, new_order)
    return item.value


def check_equal(got: Any, expected: Any) -> None:
    """Compare values with their types, and arrays with their shape and dtype."""
    assert type(got) is type(expected)
    if isinstance(expected, (np.ndarray, np.generic)):
        assert got.dtype == expected.dtype
        assert got.shape == expected.shape
        assert got.tolist() == expected.tolist()
    else:
        assert got == expected


def record(*fields: Any) -> np.dtype[Any]:
    return np.dtype([(f"f{i}", field) for i, field in enumerate(fields)])


def objects(*elements: Any) -> np.ndarray[Any, Any]:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


@pytest.mark.parametrize(
    ("item", "raw", "expected"),
    [
        (describe((2,), "<u2"), Addressed(b"\1\2\3\4"), np.array([0x201, 0x403], "<u2")),
        (describe((2,), ">u2"), Addressed(b"\1\2\3\4"), np.array([0x102, 0x304], "=u2")),
        (describe((1,), ">f8"), Addressed(b"\x3f\xf8" + bytes(6)), np.array([1.5])),
        (describe((1,), ">c8"), Addressed(b"\x3f\xc0\0\0\xc0\0\0\0"), np.array([1.5 - 2j], "c8")),
        (describe((1,), ">i4"), Addressed(b"\xff\xff\xff\xfe"), np.array([-2], "=i4")),
        (describe((), "<u2"), Addressed(b"\1\2"), np.uint16(0x201)),
        (describe((), ">u2"), Addressed(b"\1\2\3"), np.uint16(0x102)),
        (describe((2,), "<u2"), immediate(0x0102030405), np.array([0x302, 0x504], "<u2")),
        (describe((), ">u2"), immediate(0x0102030405), np.uint16(0x405)),
        (describe((), "S3"), Addressed(b"a\0b"), np.bytes_(b"a\0b")),
        (describe((), "<U2"), Addressed(b"a" + bytes(7)), np.str_("a")),
        (describe((), ">M8[s]"), Addressed(bytes(7) + b"\1"), np.datetime64(1, "s")),
        (describe((2,), "?"), Addressed(b"\2\0"), np.array([True, False])),
        (describe((), "?"), Addressed(b"\2"), np.True_),
        (describe((3,), "S1"), Addressed(b"abc"), np.array([b"a", b"b", b"c"])),
        (describe((2,), ("<u2", (2,))), Addressed(bytes([1, 0, 2, 0, 3, 0, 4, 0])),
         np.array([[1, 2], [3, 4]], "<u2")),
        (describe((1,), (">u2", (2,))), Addressed(bytes([0, 1, 0, 2])), np.array([[1, 2]], "=u2")),
        (describe(format=[("c", 8)]), Addressed(b"ab"), np.bytes_(b"a")),
        (describe((3,), format=[("c", 8)]), Addressed(b"a\0b"), "ab"),
        (describe((None,), format=[("c", 8)]), Addressed(b"a\0b\0\0"), "ab"),
        (describe((None,), format=[("c", 8)]), immediate(0x616263), "abc"),
        (describe((None,), format=[("c", 8)]), Addressed(b""), ""),
        (describe((2, 2), format=[("c", 8)]), Addressed(b"abcd"),
         np.array([[b"a", b"b"], [b"c", b"d"]])),
        (describe(format=[("u", 16)]), Addressed(b"\1\2"), np.uint16(0x102)),
        (describe((2,), format=[("b", 8)]), Addressed(b"\2\0"), np.array([True, False])),
        (describe((1,), format=[("u", 16), ("f", 32)]), Addressed(b"\0\1\x3f\xc0\0\0"),
         np.array([(1, 1.5)], record("=u2", "=f4"))),
        (describe((2,), format=[("u", 12)]), Addressed(b"\x12\x34\x56"), objects(0x123, 0x456)),
        (describe(format=[("u", 12)]), immediate(0x1234567899), 0x789),
        (describe(format=[("i", 12)]), Addressed(b"\xf2\x34"), -221),
        (describe(format=[("b", 1)]), immediate(1), False),
        (describe(format=[("b", 3)]), Addressed(b"\x20"), True),
        (describe(format=[("u", 24)]), immediate(0x123456789A), 0x56789A),
        (describe(format=[("i", 48)]), Addressed(b"\xff" * 5 + b"\xfe"), -2),
        (describe(format=[("u", 64)], shape=()), Addressed(b"\xff" * 8), np.uint64(2**64 - 1)),
        (describe(format=[("u", 128)]), Addressed(bytes(range(16))),
         int.from_bytes(bytes(range(16)), "big")),
        (describe((None,), format=[("i", 63)]), Addressed(b"\xff" * 16), objects(-1, -1)),
        (describe((None, 3), format=[("u", 8)]), Addressed(bytes(7)), np.zeros((2, 3), "u1")),
        (describe((None,), format=[("u", 8)]), immediate(1), np.array([0, 0, 0, 0, 1], "u1")),
        (describe((None, 0), format=[("u", 8)]), Addressed(bytes(7)), np.zeros((0, 0), "u1")),
    ],
    ids=lambda value: repr(value)[:60],
)  # fmt: skip
def test_value(item: spead2.Item, raw: Any, expected: Any) -> None:
    check_equal(receive(item, raw), expected)
    assert item.version == 2


def test_elements_of_odd_fields_stay_big_endian() -> None:
    item = describe((2,), format=[("c", 8), ("u", 4), ("u", 16)])
    value = receive(item, Addressed(b"a\x12\x34\x56\x78\x9a\xbc"))
    assert value.dtype == record("S1", object, ">u2")
    assert value.tolist() == [(b"a", 1, 0x2345), (b"g", 8, 0x9ABC)]
    scalar = receive(describe(format=[("u", 16), ("u", 12), ("b", 4)]), Addressed(b"\1\2\3\4"))
    assert isinstance(scalar, np.void)
    assert scalar.item() == (0x102, 0x030, True)


@pytest.mark.parametrize(
    "item",
    [
        describe((0,), "<u4"),
        describe((2, 0), ">u4", "F"),
        describe((0,), format=[("u", 12)]),
        describe((None,), format=[("u", 12)]),
        describe((None,), format=[("u", 16)]),
        describe((None,), format=[("u", 12), ("b", 4)]),
        describe((3, None), format=[("f", 32)]),
    ],
    ids=str,
)
@pytest.mark.parametrize("raw", [Addressed(), immediate(0, 0)], ids=["addressed", "immediate"])
def test_arrays_without_elements(item: spead2.Item, raw: Any) -> None:
    value = receive(item, raw)
    assert value.size == 0
    assert item.compatible_shape(value.shape)


def test_fixed_shape_without_elements_as_an_immediate() -> None:
    # It has the bytes of the address field, none of which are the value's.
    assert receive(describe((0, 2), "<u4"), immediate(0)).shape == (0, 2)


@pytest.mark.parametrize(
    ("item", "raw", "counts"),
    [
        (describe((2,), format=[("u", 8)]), Addressed(b"\0"), "1 < 2"),
        (describe((2,), format=[("u", 12)]), Addressed(b"\0\0"), "1 < 2"),
        (describe((), "<u4"), Addressed(b"\0\0"), "0 < 1"),
        (describe((), ("<u4", (2,))), Addressed(bytes(4)), "0 < 1"),
        (describe((), "<u8"), immediate(5), "0 < 1"),
        (describe((2**40, 2**40), "<u4"), Addressed(b"\0\0\0\0"), "1 < "),
        (describe(format=[("u", 12), ("b", 4)]), Addressed(b"\0"), "0 < 1"),
    ],
    ids=str,
)
def test_too_few_bytes(item: spead2.Item, raw: Any, counts: str) -> None:
    item.value = before = np.zeros(1)
    with pytest.raises(ValueError, match=rf"Item nm has too few elements for shape \({counts}"):
        item.set_from_raw(raw)
    assert item.value is before
    assert item.version == 2


def test_text_that_is_not_ascii() -> None:
    with pytest.raises(UnicodeDecodeError):
        receive(describe((None,), format=[("c", 8)]), Addressed(b"a\xff"))
    with pytest.raises(UnicodeDecodeError):
        receive(describe((None,), format=[("c", 8)]), Addressed(b"\0\xff"))
    with pytest.raises(ValueError, match="is no text of <U1"):
        receive(describe((), "<U1"), Addressed(b"\xff\xff\xff\xff"))


@pytest.mark.parametrize(
    ("dtype", "new_order", "expected"),
    [
        (">u2", "=", "=u2"), (">u2", "|", ">u2"), ("<u2", ">", ">u2"), ("<u2", "S", ">u2"),
        (">u2", "S", "<u2"), (">u2", "<", "<u2"), ("<u2", "little", "<u2"),
    ],
)  # fmt: skip
def test_byte_order_of_arrays(dtype: str, new_order: str, expected: str) -> None:
    data = np.array([1, 2], dtype)
    value = receive(describe((2,), dtype), Addressed(data.tobytes()), new_order)
    assert value.dtype.str == np.dtype(expected).str
    assert value.tolist() == [1, 2]
    shared = value.dtype.str == data.dtype.str
    assert (value.base is not None) == shared


def test_unknown_byte_order() -> None:
    for item in (describe((2,), "u1"), describe((2,), format=[("c", 8)])):
        with pytest.raises(ValueError, match="byteorder"):
            receive(item, Addressed(b"ab"), "x")
    # It is of no meaning where there are no numpy types.
    assert receive(describe(format=[("u", 12)]), Addressed(b"\x12\x34"), "x") == 0x123


@pytest.mark.parametrize("offset", [0, 1])
def test_arrays_refer_to_the_bytes(offset: int) -> None:
    raw = Addressed(bytes(offset) + b"\1\0\2\0")
    view = memoryview(raw)[offset:]

    item = describe((2,), "<u2")
    piece = np.frombuffer(view, np.uint8).view(ArrayItem)
    item.set_from_raw(piece)
    raw[offset] = 7
    assert item.value.tolist() == [7, 2]
    item.value[1] = 5
    assert bytes(raw[offset:]) == b"\7\0\5\0"


class ArrayItem(np.ndarray):  # type: ignore[type-arg]
    """Part of an array as an item."""

    is_immediate = False


def test_arrays_keep_the_bytes_alive() -> None:
    item = describe((3,), "<u4")
    memory = np.arange(3, dtype="<u4").view(ArrayItem)
    alive = weakref.ref(memory)
    item.set_from_raw(memory.view(np.uint8))
    del memory
    gc.collect()
    assert alive() is not None
    assert item.value.tolist() == [0, 1, 2]
    item.value = 0
    gc.collect()
    assert alive() is None


def test_arrays_of_read_only_bytes_are_read_only() -> None:
    class ReadOnly(bytes):
        is_immediate = False

    for order in ("=", "|"):
        value = receive(describe((2,), "u1"), ReadOnly(b"ab"), order)
        assert not value.flags.writeable


def test_columns_first() -> None:
    for dtype in ("<u2", ">u2"):
        data = np.arange(6, dtype=dtype).reshape((2, 3), order="F")
        value = receive(describe((2, 3), dtype, "F"), Addressed(data.tobytes("F")))
        assert value.tolist() == data.tolist()
        assert value.flags.f_contiguous


def test_raw_items_are_checked() -> None:
    item = describe((2,), "u1")
    with pytest.raises(AttributeError):
        item.set_from_raw(b"ab")
    with pytest.raises(AttributeError):
        item.set_from_raw(None)
    with pytest.raises(ValueError, match="not contiguous"):
        item.set_from_raw(np.zeros(8, np.uint8).view(ArrayItem)[::2])
    assert item.version == 1


def test_a_changed_description_counts() -> None:
    item = describe((2,), "<u2")
    raw = Addressed(b"\1\2\3\4")
    assert receive(item, raw).tolist() == [0x201, 0x403]
    item.dtype = ">u2"
    assert receive(item, raw).tolist() == [0x102, 0x304]
    item.dtype, item.format, item.shape = None, [("u", 4)], (None,)
    assert receive(item, raw).tolist() == [0, 1, 0, 2, 0, 3, 0, 4]


def as_lists(value: Any) -> Any:
    """Return a received value in the form that decoder.decode_value() has."""
    if isinstance(value, str):
        return [letter.encode() for letter in value]
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    return pad_texts(value)


def pad_texts(value: Any) -> Any:
    # numpy takes the character 0 for the end.
    if isinstance(value, (list, tuple)):
        return type(value)(map(pad_texts, value))
    return b"\0" if value == b"" and isinstance(value, bytes) else value


@strategies.examples(400)
@hypothesis.given(sample=strategies.samples(0x50, "nm"), order=st.sampled_from("=|<>S"))
def test_what_was_encoded_is_decoded(sample: strategies.Sample, order: str) -> None:
    description = sample.description
    item = spead2.Item(**description.arguments(), value=description.make_value())
    raw = Addressed(
        bytes(memoryview(np.ascontiguousarray(item.to_buffer()).reshape(-1).view("u1")))
    )
    try:
        value = receive(item, raw, order)
    except UnicodeDecodeError:
        assert description.format == [("c", 8)]
        assert max(b"".join(sample.expected)) >= 128
        return
    if description.format is None:
        native = np.asarray(sample.expected).astype(sample.expected.dtype.newbyteorder("="))
        got = np.asarray(value)
        assert strategies.matches(got.astype(got.dtype.newbyteorder("=")), native)
    elif isinstance(value, str):
        assert value == b"".join(sample.expected).replace(b"\0", b"").decode()
    else:
        assert strategies.matches(as_lists(value), sample.expected)


# ---- Groups


def heap_of(*items: Any, descriptors: Any = ()) -> raw_items.Heap:
    flavour = spead2.Flavour()
    return raw_items.Heap(list(items), [each.to_raw(flavour) for each in descriptors], flavour)


def described(identifier: int, name: str, **changes: Any) -> spead2.Descriptor:
    arguments: dict[str, Any] = {"description": "", "shape": (), "dtype": "<u2", **changes}
    return spead2.Descriptor(identifier, name, **arguments)


def test_a_group_learns_of_items_and_values() -> None:
    group = spead2.ItemGroup()
    assert group.update(heap_of(descriptors=[described(0x1234, "nm")])) == {}
    item = group["nm"]
    assert (item.value, item.version) == (None, 1)
    assert group.update(heap_of(numbered(0x1234, Addressed(b"\2\1")))) == {"nm": item}
    assert (item.value, item.version) == (0x102, 3)
    updated = group.update(heap_of(numbered(0x1234, immediate(7))))
    assert list(updated) == ["nm"]
    assert (item.value, item.version) == (0x700, 5)


def test_the_last_of_an_items_values_stays() -> None:
    group = spead2.ItemGroup()
    item = group.add_item(0x1234, "nm", "", (), "<u2")
    raw = [numbered(0x1234, Addressed(bytes([number, 0]))) for number in (1, 2)]
    group.update(heap_of(*raw))
    assert (item.value, item.version) == (2, 5)


def test_values_without_description_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    group = spead2.ItemGroup()
    group.add_item(0x50, "nm", "", (), "u1")
    items = [numbered(number, Addressed(b"x")) for number in (0x4444, 6, 0x50)]
    with caplog.at_level(logging.INFO, "spead2"):
        assert list(group.update(heap_of(*items))) == ["nm"]
    assert caplog.record_tuples == [
        ("spead2", logging.WARNING, "Item with ID 0x4444 received but there is no descriptor")
    ]


def test_complaints_about_one_heap_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    items = [numbered(0x1000 + i, Addressed(b"x")) for i in range(5000)]
    with caplog.at_level(logging.INFO, "spead2"):
        spead2.ItemGroup().update(heap_of(*items))
    assert len(caplog.records) == 33
    assert "4968 more" in caplog.messages[-1]


def test_the_same_description_again_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    group = spead2.ItemGroup()
    group.update(heap_of(numbered(0x1234, immediate(1)), descriptors=[described(0x1234, "nm")]))
    item = group["nm"]
    with caplog.at_level(logging.INFO, "spead2"):
        group.update(heap_of(descriptors=[described(0x1234, "nm")]))
    assert group["nm"] is item
    assert (int(item.value), item.version) == (256, 3)
    assert caplog.records == []


@pytest.mark.parametrize(
    "new",
    [
        described(0x1234, "nm", description="other"),
        described(0x1235, "nm"),
        described(0x1234, "other"),
        described(0x1234, "nm", dtype="<u4"),
    ],
    ids=str,
)
def test_another_description_replaces_an_item(
    new: spead2.Descriptor, caplog: pytest.LogCaptureFixture
) -> None:
    group = spead2.ItemGroup()
    old = group.add_item(0x1234, "nm", "", (), "<u2", value=5)
    with caplog.at_level(logging.INFO, "spead2"):
        group.update(heap_of(descriptors=[new]))
    assert len(group) == 1
    assert group[new.id] is group[new.name] is not old
    assert (group[new.id].value, group[new.id].version) == (None, 2)
    assert caplog.record_tuples == [
        (
            "spead2",
            logging.INFO,
            f"Descriptor replacement for ID {new.id:#x}, name {new.name}",
        )
    ]


def test_one_description_may_replace_two_items(caplog: pytest.LogCaptureFixture) -> None:
    group = spead2.ItemGroup()
    group.add_item(0x10, "a", "", (), "<u2", value=5)
    group.add_item(0x11, "b", "", (), "<u2").version = 8
    with caplog.at_level(logging.INFO, "spead2"):
        group.update(heap_of(descriptors=[described(0x10, "b")]))
    assert list(group.keys()) == ["b"]
    assert group["b"].version == 9
    assert caplog.messages == ["Descriptor replacement for ID 0x10, name b"]


def test_values_before_a_bad_one_stay() -> None:
    group = spead2.ItemGroup()
    for number in (1, 2, 3):
        group.add_item(0x10 + number, f"item {number}", "", (), "<u2", value=0)
    raw = [
        numbered(0x11, Addressed(b"\1\0")),
        numbered(0x12, Addressed(b"\1")),
        numbered(0x13, Addressed(b"\1\0")),
    ]
    with pytest.raises(ValueError, match="Item item 2 has too few"):
        group.update(heap_of(*raw))
    assert [item.value for item in group.values()] == [1, 0, 0]
    with pytest.raises(ValueError, match="empty format"):
        group.update(heap_of(raw[2], descriptors=[BadDescriptor()]))
    assert group[0x13].value == 0


class BadDescriptor:
    """Has the reference's attributes, and no format."""

    def to_raw(self, flavour: spead2.Flavour) -> Any:
        return spead2._spead2.RawDescriptor()


def test_methods_of_derived_items_are_used() -> None:
    class Doubled(spead2.Item):
        def set_from_raw(self, raw_item: Any, new_order: str = "=") -> None:
            super().set_from_raw(raw_item, new_order)
            self.value = 2 * self.value

    group = spead2.ItemGroup()
    group._add(Doubled(0x50, "nm", "", (), "<u2"))
    assert group.update(heap_of(numbered(0x50, Immediate(b"\0\0\0\7\0"))))["nm"].value == 14
    assert group["nm"].version == 4


def test_heaps_without_descriptors_cannot_update() -> None:
    class Incomplete:
        def get_items(self) -> list[Any]:
            return []

    with pytest.raises(AttributeError, match="get_descriptors"):
        spead2.ItemGroup().update(Incomplete())
