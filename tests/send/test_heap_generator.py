# SPDX-License-Identifier: Apache-2.0
"""Which descriptors and values of an item group go into a heap."""

from __future__ import annotations

import copy
import logging
import pickle
from typing import Any

import decoder
import numpy as np
import pytest

import spead2
import spead2.send
from spead2.send import Heap, HeapGenerator, ItemGroup


def contents(heap: Heap) -> list[str]:
    """What a heap holds, in order: d1000 for a descriptor, v1000 for a value."""
    flavour = heap.flavour
    packets = [decoder.parse(packet) for packet in spead2.send.PacketGenerator(heap, 1, 65000)]
    found = []
    for item in decoder.assemble(packets).items:
        if item.id == decoder.DESCRIPTOR:
            description = decoder.parse_descriptor(
                item.data, flavour.heap_address_bits, flavour.bug_compat
            )
            found.append(f"d{description.id:x}")
        else:
            found.append(f"v{item.id:x}")
    return found


def add(group: spead2.ItemGroup, identifier: int | None, name: str, **kwargs: Any) -> spead2.Item:
    kwargs.setdefault("value", np.zeros(8, np.uint8))
    return group.add_item(identifier, name, "", (8,), np.uint8, **kwargs)


def test_new_and_changed_items_go() -> None:
    group = ItemGroup()
    a = add(group, 0x1000, "a", value=None)
    b = add(group, 0x1001, "b")
    assert contents(group.get_heap()) == ["d1000", "d1001", "v1001"]
    assert contents(group.get_heap()) == []
    a.value = np.ones(8, np.uint8)
    assert contents(group.get_heap()) == ["v1000"]
    b.version -= 7  # any other version is a new one
    assert contents(group.get_heap()) == ["v1001"]
    assert contents(group.get_heap()) == []


def test_descriptors_and_data_arguments() -> None:
    group = ItemGroup()
    a = add(group, 0x1000, "a")
    everything = ["d1000", "v1000"]
    assert contents(group.get_heap("none", "none")) == []
    assert contents(group.get_heap(descriptors="none", data="all")) == ["v1000"]
    assert contents(group.get_heap(data="none")) == ["d1000"]
    assert contents(group.get_heap("all", "all")) == everything
    a.value = np.ones(8, np.uint8)
    assert contents(group.get_heap(data="none")) == []
    assert contents(group.get_heap()) == ["v1000"]


@pytest.mark.parametrize("argument", ["foo", "STALE", None, 3])
@pytest.mark.parametrize("name", ["descriptors", "data"])
def test_bad_words(argument: Any, name: str) -> None:
    group = ItemGroup()
    add(group, 0x1000, "a")
    with pytest.raises(ValueError, match=f"{name}.*{argument}"):
        group.get_heap(**{name: argument})
    assert contents(group.get_heap()) == ["d1000", "v1000"]


@pytest.mark.parametrize(
    ("frequency", "with_descriptor"),
    [(None, [0]), (1, range(6)), (2, [0, 2, 4]), (3, [0, 3])],
)
def test_descriptor_frequency(frequency: int | None, with_descriptor: Any) -> None:
    group = ItemGroup(descriptor_frequency=frequency)
    add(group, 0x1000, "a")
    sent = [i for i in range(6) if "d1000" in contents(group.get_heap())]
    assert sent == list(with_descriptor)


def test_an_error_changes_neither_heap_nor_generator() -> None:
    group = ItemGroup()
    add(group, 0x1000, "a")
    b = add(group, 0x1001, "b", value=[1])
    heap = Heap()
    with pytest.raises(ValueError, match=r"\(1,\).*'b'"):
        group.add_to_heap(heap)
    assert contents(heap) == []
    b.value = np.zeros(8, np.uint8)
    assert group.add_to_heap(heap) is heap
    assert contents(heap) == ["d1000", "v1000", "d1001", "v1001"]


def test_replaced_items_are_new(caplog: pytest.LogCaptureFixture) -> None:
    group = ItemGroup()
    old = add(group, 0x1000, "a")
    add(group, 0x1001, "b")
    group.get_heap()
    old.version = 41
    with caplog.at_level(logging.INFO, "spead2"):
        new = group.add_item(0x1000, "a", "another text", (8,), np.uint8, value=old.value)
    assert "0x1000" in caplog.text
    assert new.version == 42
    assert contents(group.get_heap()) == ["d1000", "v1000"]
    new.id = 0x2000
    assert contents(group.get_heap()) == ["d2000", "v2000"]


def test_identical_items_are_kept() -> None:
    group = ItemGroup()
    item = add(group, 0x1000, "a")
    group.get_heap()
    assert add(group, 0x1000, "a", value=None) is item
    assert contents(group.get_heap()) == []
    assert add(group, 0x1000, "a", value=np.ones(8, np.uint8)) is item
    assert contents(group.get_heap()) == ["v1000"]


def test_generators_remember_for_themselves() -> None:
    group, other = spead2.ItemGroup(), spead2.ItemGroup()
    add(group, 0x1000, "a")
    add(other, 0x1001, "b")
    first, second = HeapGenerator(group), HeapGenerator(None)
    assert contents(first.get_heap()) == contents(second.get_heap(item_group=group))
    assert contents(first.get_heap()) == []
    assert contents(first.get_heap(item_group=other)) == ["d1001", "v1001"]
    assert contents(second.get_heap(item_group=other)) == ["d1001", "v1001"]
    with pytest.raises(TypeError, match="item_group"):
        second.get_heap()


def test_add_to_heap_is_the_place_to_override() -> None:
    calls = []

    class Own(spead2.ItemGroup, HeapGenerator):
        def __init__(self) -> None:
            spead2.ItemGroup.__init__(self)
            HeapGenerator.__init__(self, None)

        def add_to_heap(self, heap: Heap, *args: Any, **kwargs: Any) -> Heap:
            calls.append((args, kwargs))
            return super().add_to_heap(heap, *args, **kwargs)

    group = Own()
    add(group, None, "a")
    assert contents(group.get_heap()) == ["d1000", "v1000"]
    assert contents(group.get_heap("none", data="all")) == ["v1000"]
    assert calls == [((), {}), (("none",), {"data": "all"})]


def test_overridden_items_and_groups() -> None:
    class Constant(spead2.Item):
        def to_buffer(self) -> Any:
            return b"\1\2\3\4\5\6\7\10"

    class Sorted(spead2.ItemGroup):
        def values(self) -> Any:
            return sorted(super().values(), key=lambda item: item.id)

    group = Sorted()
    for identifier in (0x1003, 0x1001, 0x1002):
        add(group, identifier, f"item {identifier}")
    assert contents(HeapGenerator(group).get_heap("none")) == ["v1001", "v1002", "v1003"]
    heap = Heap()
    heap.add_item(Constant(0x1000, "a", "", (8,), np.uint8, value=0))
    (packet,) = spead2.send.PacketGenerator(heap, 1, 1472)
    assert packet.endswith(b"\1\2\3\4\5\6\7\10")


def test_start_end_and_flavour() -> None:
    flavour = spead2.Flavour(4, 64, 48)
    generator = HeapGenerator(spead2.ItemGroup(), flavour=flavour)
    for heap, control in ((generator.get_start(), 0), (generator.get_end(), 2)):
        assert heap.flavour == flavour
        (packet,) = spead2.send.PacketGenerator(heap, 1, 1472)
        assert decoder.parse(packet).pointers[0] == decoder.Pointer(True, 6, control)


def test_items_can_be_copied_and_pickled() -> None:
    item = spead2.Item(0x1000, "a", "b", (2,), "<u2", value=[1, 2])
    item.value = [3, 4]
    for twin in (copy.copy(item), copy.deepcopy(item), pickle.loads(pickle.dumps(item))):
        assert (twin.id, twin.name, twin.description) == (0x1000, "a", "b")
        assert (twin.shape, twin.dtype, twin.version) == ((2,), np.dtype("<u2"), 2)
        assert bytes(twin.to_buffer()) == b"\3\0\4\0"


def test_changed_attributes_count() -> None:
    item = spead2.Item(0x1000, "a", "", (), "<u2", value=258)
    assert memoryview(item.to_buffer()).tobytes() == b"\2\1"
    item.dtype = np.dtype(">u2")
    assert memoryview(item.to_buffer()).tobytes() == b"\1\2"
    item.shape = (2,)
    with pytest.raises(ValueError, match=r"expected \(2,\)"):
        item.to_buffer()
    item.shape = (None,)
    with pytest.raises(ValueError, match="unknown dimensions"):
        Heap().add_item(item)


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        ({"dtype": "<u4"}, 5),
        ({"dtype": ">i8"}, -(2**63)),
        ({"dtype": "?"}, True),
        ({"dtype": "<f4"}, 1.25),
        ({"dtype": ">f8"}, 3),
        ({"format": [("u", 48)]}, 2**48 - 1),
        ({"format": [("i", 24)]}, -5),
        ({"format": [("i", 48)]}, np.int16(-5)),
        ({"dtype": "<u2"}, np.uint8(7)),
        ({"dtype": "<f8"}, np.float64(-0.0)),
        ({"format": [("u", 40)]}, np.array(5, ">u8")),
    ],
)
def test_fast_encoding_is_that_of_to_buffer(layout: dict[str, Any], value: Any) -> None:
    class Plain(spead2.Item):
        """Always encoded in Python."""

        def to_buffer(self) -> Any:
            return super().to_buffer()

    packets = []
    for kind in (spead2.Item, Plain):
        for bits in (8, 40, 56):
            heap = Heap(spead2.Flavour(4, 64, bits))
            heap.add_item(kind(0x20, "a", "", (), value=value, **layout))
            packets.append(list(spead2.send.PacketGenerator(heap, 1, 1472)))
    assert packets[:3] == packets[3:]
