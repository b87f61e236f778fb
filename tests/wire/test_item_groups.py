# SPDX-License-Identifier: Apache-2.0
"""Items that a group makes are those that Item() makes, however many alike there were before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spead2
import spead2.send
from spead2 import _items, _templates

KINDS: list[tuple[Any, ...]] = [
    ((), np.uint8),
    ((), "u1"),
    ((), np.dtype(">u2")),
    ((), float),
    ((2, 3), np.complex64, "F"),
    ((2, 3), [("a", "u1"), ("b", "<f8")]),
    ([4], "S3"),
    ((np.int64(4),), "u1"),
    ((True,), "u1"),
    ((), None, "C", [("u", 48)]),
    ((None,), None, "C", (("c", 8),)),
    ((), None, "C", [["u", 12], ("i", 4)]),
    ((), None, "C", [("u", np.uint8(40))]),
]


def all_of(item: spead2.Item) -> tuple[Any, ...]:
    heap = spead2.send.Heap()
    heap.add_descriptor(item)
    (packet,) = spead2.send.PacketGenerator(heap, 1, 9000)
    attributes = [getattr(item, name) for name in (*_items._ATTRIBUTES, "version", "value")]
    return (
        type(item),
        packet,
        attributes,
        [type(a) for a in attributes],
        item.itemsize_bits,
        item._array_dtype,
        item.allow_immediate(),
        item.is_variable_size(),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_makes_the_items_that_the_class_makes(kind: tuple[Any, ...]) -> None:
    group = spead2.ItemGroup()
    for i in range(3):
        expected = spead2.Item(0x1000 + i, f"n{i}", "d", *kind)
        made = group.add_item(None, f"n{i}", "d", *kind)
        assert all_of(made) == all_of(expected)
        assert group[f"n{i}"] is group[0x1000 + i] is made
    assert list(group) == ["n0", "n1", "n2"]


def test_items_alike_share_nothing_that_can_be_changed() -> None:
    group = spead2.ItemGroup()
    first, second = (group.add_item(None, n, "", (2,), None, "C", [("u", 12)]) for n in "ab")
    assert isinstance(first.format, list)
    first.format.append(("u", 4))
    first.shape = (3,)
    third = group.add_item(None, "c", "", (2,), None, "C", [("u", 12)])
    for item in (second, third):
        assert (item.shape, item.format) == ((2,), [("u", 12)])
        item.value = [1, 2]
        assert bytes(item.to_buffer()) == b"\x00\x10\x02"
    first.value = [(1, 2)] * 3
    assert bytes(first.to_buffer()) == b"\x00\x12\x00\x12\x00\x12"


@pytest.mark.parametrize(
    "kind",
    [
        ((1.0,), "u1"),
        ((-1,), "u1"),
        ((None,), "u1"),
        ((), None),
        ((), "u1", "C", [("u", 8)]),
        ((), "u1", "X"),
        ((), None, "C", [("u", 8.0)]),
        ((), None, "C", [("f", 16)]),
        ((), None, "C", []),
        ((), object),
        ((), "V0"),
        (5, "u1"),
    ],
)
def test_what_the_class_refuses_a_group_refuses(kind: tuple[Any, ...]) -> None:
    group = spead2.ItemGroup()
    # What compares equal to a wrong one was right before.
    group.add_item(None, "right", "", (1,), "u1")
    group.add_item(None, "right too", "", (), None, "C", [("u", 8)])
    for _ in range(2):
        with pytest.raises((ValueError, TypeError)) as expected:
            spead2.Item(5, "x", "", *kind)
        with pytest.raises(expected.type) as caught:
            group.add_item(5, "x", "", *kind)
        assert str(caught.value) == str(expected.value)
    for wrong in ((1.5, "x", ""), (5, b"x", ""), (5, "x", None)):
        with pytest.raises(TypeError):
            group.add_item(*wrong, (), "u1")  # type: ignore[arg-type]
    assert len(group) == 2


def test_any_number_of_kinds_is_remembered_within_a_bound() -> None:
    group = spead2.ItemGroup()
    for i in range(1000):
        group.add_item(None, str(i), "", (i,), "u1")
    assert len(_templates._templates) <= _templates._MAX_TEMPLATES
    assert [item.shape for item in group.values()] == [(i,) for i in range(1000)]
