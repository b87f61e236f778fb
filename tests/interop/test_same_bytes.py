# SPDX-License-Identifier: Apache-2.0
"""Our packets are the reference package's, byte for byte.

Where the reference has a known fault, a test here says so, and the independent decoder judges ours.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import decoder
import hypothesis
import numpy as np
import pytest
import recipes
import strategies
from hypothesis import strategies as st

import spead2.send

FLAVOURS = [(4, 64, bits, 0) for bits in range(8, 64, 8)]
FLAVOURS += [(4, 64, 40, bug_compat) for bug_compat in range(1, 8)] + [(4, 64, 48, 7)]

#: One of each kind of value; the IDs fit every flavour.
KINDS = [
    recipes.Description(7, "scalar", "", (), "<u4", value=5),
    recipes.Description(8, "float", "", (), "<f8", value=1.5),
    recipes.Description(9, "big", "", (3,), ">i2", value=[-1, 2, -3]),
    recipes.Description(10, "complex", "", (2, 2), "<c8", "F", value=[[1, 2j], [3, 4 - 1j]]),
    recipes.Description(11, "struct", "", (2,), [("a", "<u2"), ("b", ">f4")],
                        value=[(1, 2), (3, 4)]),
    recipes.Description(12, "text", "", (None,), format=[("c", 8)], value="hello world"),
    recipes.Description(13, "fixed text", "", (5,), "|S1", value="hello"),
    recipes.Description(14, "unicode", "", (2,), "<U3", value=["abc", "d"]),
    recipes.Description(15, "packed", "", (5,), format=[("u", 12)], value=[1, 2, 3, 4, 4095]),
    recipes.Description(16, "signed", "", (None,), format=[("i", 5)], value=[-16, 15, -1]),
    recipes.Description(17, "fields", "", (2,), format=[("u", 4), ("f", 32), ("b", 1)],
                        value=[(1, 1.5, True), (15, -2.0, False)]),
    recipes.Description(18, "flag", "", (), format=[("b", 1)], value=True),
    recipes.Description(19, "immediate", "", (), format=[("u", 40)], value=2**40 - 1),
    recipes.Description(20, "u48", "", (), format=[("u", 48)], value=2**48 - 1),
    recipes.Description(21, "u24", "", (2,), format=[("u", 24)], value=[1, 2**24 - 1]),
    recipes.Description(22, "none", "", (0, 3), "<f4", value=recipes.Array("<f4", (0, 3), b"")),
    recipes.Description(23, "empty", "", (None,), format=[("u", 8)], value=[]),
    recipes.Description(24, "wide", "", (), format=[("u", 100)], value=2**99),
    recipes.Description(25, "bool", "", (3,), "|b1", value=[True, False, True]),
    recipes.Description(26, "reals", "", (2,), format=[("f", 64)], value=[1.0, -0.0]),
    recipes.Description(27, "rows", "", (2, None), format=[("u", 16)], value=[[1, 2], [3, 4]]),
]  # fmt: skip


def whole_heap(
    flavour: tuple[int, int, int, int], descriptions: list[recipes.Description]
) -> recipes.HeapRecipe:
    parts = [recipes.Part("start")]
    for description in descriptions:
        parts += [recipes.Part("descriptor", description), recipes.Part("item", description)]
    return recipes.HeapRecipe(flavour, (*parts, recipes.Part("end")))


def test_it_is_the_reference_package(reference: Any) -> None:
    assert ".venv-reference" in reference.call("package")


@pytest.mark.parametrize("flavour", FLAVOURS, ids=str)
@pytest.mark.parametrize("description", KINDS, ids=lambda description: description.name)
def test_every_kind_of_value_in_every_flavour(
    reference: Any, flavour: tuple[int, int, int, int], description: recipes.Description
) -> None:
    recipe = whole_heap(flavour, [description])
    for cnt, size in ((1, 1472), (123, 61)):
        if flavour[2] == 8 and payload_length(recipe) > 255:
            continue  # such a heap cannot be
        ours = recipes.packets(recipe, cnt, size)
        assert ours == reference.call("packets", recipe, cnt, size)


def payload_length(recipe: recipes.HeapRecipe) -> int:
    wide = recipes.packets(dataclasses.replace(recipe, flavour=(4, 64, 48, 1)), 1, 65000)
    return decoder.parse(wide[0]).heap_length


@pytest.mark.parametrize("flavour", [f for f in FLAVOURS if f[2] > 8], ids=str)
def test_heap_of_all_kinds(reference: Any, flavour: tuple[int, int, int, int]) -> None:
    recipe = whole_heap(flavour, KINDS)
    for size in (56, 72, 256, 1472, 8972):
        ours = recipes.packets(recipe, 99, size)
        assert ours == reference.call("packets", recipe, 99, size)


def is_refused_by_the_reference(description: recipes.Description) -> bool:
    """Whether the reference is known to fail on an item.

    It cannot send negative numbers as single scalar of 24, 40, 48 or 56 bits, nor the character 0
    in a packed format.
    """
    if description.format is None:
        return False
    if len(description.format) == 1 and description.shape == ():
        ((code, bits),) = description.format
        return code == "i" and bits in (24, 40, 48, 56) and description.value < 0
    return ("c", 8) in description.format and "\\x00" in repr(description.value)


def has_padding_after_data(packets: list[bytes], repeat_pointers: bool) -> bool:
    """Whether a packet has both payload proper and padding."""
    parsed = [decoder.parse(packet) for packet in packets]
    end = len(decoder.assemble(parsed, repeat_pointers=repeat_pointers).payload)
    return any(packet.offset < end < packet.offset + len(packet.payload) for packet in parsed)


@strategies.examples(250)
@hypothesis.given(
    data=st.data(),
    flavour=strategies.flavours(16),
    size=strategies.packet_sizes(),
)
def test_arbitrary_heap(
    reference: Any, data: Any, flavour: tuple[int, int, int, int], size: int
) -> None:
    cnt = data.draw(st.integers(0, 2 ** flavour[2] - 1))
    recipe, parts = data.draw(strategies.heap_samples(flavour))
    hypothesis.assume(
        not any(
            kind == "item" and sample and is_refused_by_the_reference(sample.description)
            for kind, sample in parts
        )
    )
    if recipe.repeat_pointers and len(parts) + 1 > (size // 8 * 8 - 48) // 8:
        recipe = dataclasses.replace(recipe, repeat_pointers=False)
    ours = recipes.packets(recipe, cnt, size)
    if has_padding_after_data(ours, recipe.repeat_pointers):
        return  # see test_padding_that_the_reference_puts_before_the_data
    assert ours == reference.call("packets", recipe, cnt, size)


def test_padding_that_the_reference_puts_before_the_data(reference: Any) -> None:
    # One pointer fills a packet of 56 bytes: 1 / 1 + 1 = 2 packets, at least 9 bytes of payload.
    # The item is at address 0, where the reference has padding, as its receiver finds out.
    value = recipes.Array("|u1", (6,), bytes([1, 2, 3, 4, 5, 6]))
    description = recipes.Description(7, "n", "", (6,), "|u1", value=value)
    recipe = recipes.HeapRecipe((4, 64, 40, 0), (recipes.Part("item", description),))
    known = recipes.HeapRecipe((4, 64, 40, 0), (recipes.Part("descriptor", description),))
    ours = recipes.packets(recipe, 2, 56)
    assert [packet[48:] for packet in ours] == [bytes([1, 2, 3, 4, 5, 6, 0, 0]), b"\0"]
    theirs = reference.call("packets", recipe, 2, 56)
    assert [packet[48:] for packet in theirs] == [bytes([0, 0, 1, 2, 3, 4, 5, 6]), b"\0"]
    for packets, good in ((ours, True), (theirs, False)):
        stream = b"".join(recipes.packets(known, 1, 1472) + packets)
        *_, (_, ((*_, received),)) = reference.call("decode", stream, 0)
        assert received[0] == "array"
        assert (received[1][2] == value.data) == good


def test_cnt_of_too_many_bits_that_the_reference_lets_into_the_id(reference: Any) -> None:
    recipe = recipes.HeapRecipe((4, 64, 8, 0), ())
    (theirs,) = reference.call("packets", recipe, 0x3039, 1472)
    assert theirs[8:16].hex() == "8000000000003139"  # the cnt's higher bits in those of the ID
    (ours,) = recipes.packets(recipe, 0x3039, 1472)
    assert decoder.parse(ours).cnt == 0x39


@pytest.mark.parametrize("bits", [24, 40, 48, 56])
@pytest.mark.parametrize("flavour", [(4, 64, 40, 0), (4, 64, 56, 0)], ids=str)
def test_negative_scalars_that_the_reference_cannot_send(
    reference: Any, bits: int, flavour: tuple[int, int, int, int]
) -> None:
    for value in (-1, -5, -(2 ** (bits - 1))):
        description = recipes.Description(9, "n", "", (), format=[("i", bits)], value=value)
        recipe = recipes.HeapRecipe(flavour, (recipes.Part("item", description),))
        with pytest.raises(Exception, match="OverflowError"):
            reference.call("packets", recipe, 1, 1472)
        recipe = whole_heap(flavour, [description])
        heap = decoder.assemble([decoder.parse(p) for p in recipes.packets(recipe, 1, 1472)])
        (descriptor,) = heap.descriptors()
        data = decoder.item_bytes(heap.raw(9), descriptor)
        assert decoder.decode_value(data, descriptor) == value
        # The reference's receiver understands it.
        stream = b"".join(recipes.packets(recipe, 1, 1472))
        ((_, ((*_, received),)),) = reference.call("decode", stream, 0)
        assert np.frombuffer(received[1][2], received[1][0]) == value or received[1] == value


@pytest.mark.parametrize("mode", ["SERIAL", "ROUND_ROBIN"])
@pytest.mark.parametrize("size", [64, 256, 1472, 9000])
def test_group_of_heaps(reference: Any, mode: str, size: int) -> None:
    flavour = (4, 64, 40, 0)
    value = recipes.Array("|u1", (9999,), bytes(range(99)) * 101)
    long = recipes.Description(0x1000, "long", "", (9999,), "|u1", value=value)
    heaps = (
        (whole_heap(flavour, KINDS), -1),
        (recipes.HeapRecipe(flavour, ()), 77),
        (recipes.HeapRecipe(flavour, (recipes.Part("item", long),)), -1),
        (whole_heap(flavour, KINDS[:3]), -1),
    )
    transmission = recipes.Transmission(heaps, size, mode, (2**40 - 2, 3))
    assert recipes.transmit(transmission) == reference.call("transmit", transmission)


@strategies.examples(60)
@hypothesis.given(
    data=st.data(),
    flavour=strategies.flavours(16),
    size=strategies.packet_sizes(),
    mode=st.sampled_from(["SERIAL", "ROUND_ROBIN"]),
    cnt_sequence=st.tuples(st.integers(0, 2**64 - 1), st.integers(1, 2**64 - 1)),
)
def test_arbitrary_group_of_heaps(
    reference: Any,
    data: Any,
    flavour: tuple[int, int, int, int],
    size: int,
    mode: str,
    cnt_sequence: tuple[int, int],
) -> None:
    pairs = data.draw(st.lists(strategies.heap_samples(flavour, 3), min_size=1, max_size=4))
    heaps = []
    for recipe, _ in pairs:
        parts = tuple(
            part
            for part in recipe.parts
            if part.description is None
            or part.kind == "descriptor"
            or not is_refused_by_the_reference(part.description)
        )
        cnt = data.draw(st.integers(-3, 2 ** flavour[2] - 1))
        heaps.append((recipes.HeapRecipe(flavour, parts), cnt))
        hypothesis.assume(not has_padding_after_data(recipes.packets(heaps[-1][0], 1, size), False))
    transmission = recipes.Transmission(tuple(heaps), size, mode, cnt_sequence)
    assert recipes.transmit(transmission) == reference.call("transmit", transmission)


def descriptions() -> st.SearchStrategy[recipes.Description]:
    """Few names, IDs and descriptions, so that they clash."""
    return st.builds(
        recipes.Description,
        id=st.sampled_from([None, 0x1000, 0x1001, 0x1002, 0x2000]),
        name=st.sampled_from("abc"),
        description=st.sampled_from(["", "other"]),
        shape=st.just(()),
        dtype=st.sampled_from(["<u2", "<u2", "<i8"]),
        value=st.one_of(st.none(), st.integers(0, 100)),
    )


def steps() -> st.SearchStrategy[recipes.Step]:
    which = st.sampled_from(["stale", "stale", "all", "none"])
    return st.one_of(
        st.builds(recipes.Step, st.just("add"), st.tuples(descriptions())),
        st.builds(
            recipes.Step, st.just("set"), st.tuples(st.sampled_from("abc"), st.integers(0, 9))
        ),
        st.builds(
            recipes.Step, st.just("version"), st.tuples(st.sampled_from("abc"), st.integers(1, 3))
        ),
        st.builds(recipes.Step, st.just("heap"), st.tuples(which, which)),
        st.builds(recipes.Step, st.just("heap")),
        st.sampled_from([recipes.Step("start"), recipes.Step("end")]),
    )


def takes_over_an_id(steps: list[recipes.Step]) -> bool:
    """Whether an ID that some heap has had belongs to another item in a later heap."""
    group = spead2.send.ItemGroup()
    seen: dict[int, spead2.Item] = {}
    for step in steps:
        if step.kind == "add":
            group.add_item(**step.arguments[0].arguments())
        elif step.kind == "heap" and any(
            seen.setdefault(item.id, item) is not item for item in group.values()
        ):
            return True
    return False


@strategies.examples(300)
@hypothesis.given(
    frequency=st.one_of(st.none(), st.integers(0, 4)), steps=st.lists(steps(), max_size=25)
)
def test_arbitrary_life_of_an_item_group(
    reference: Any, frequency: int | None, steps: list[recipes.Step]
) -> None:
    hypothesis.assume(not takes_over_an_id(steps))  # see below
    flavour = (4, 64, 40, 0)
    ours = recipes.run_group(flavour, frequency, steps)
    assert ours == reference.call("run_group", flavour, frequency, steps)


def test_an_item_takes_over_an_id_without_the_descriptor_being_due(reference: Any) -> None:
    """The reference then sends things twice, or leaves the value out; we send each thing once.

    It looks whether the ID is another item's only where it asks whether a descriptor is stale that
    it has sent before.
    """
    first = recipes.Step("add", (recipes.Description(0x1000, "a", "", (), "<u4", value=1),))
    other = recipes.Step("add", (recipes.Description(0x1001, "a", "", (), "<u4", value=2),))
    second = recipes.Step("add", (recipes.Description(0x1000, "b", "", (), "<u4", value=3),))
    no_descriptors = recipes.Step("heap", ("none", "stale"))
    heap = recipes.Step("heap")

    def contents(run: Any, steps: list[recipes.Step]) -> list[list[int]]:
        """Return the item IDs of each heap."""
        heaps = [
            decoder.assemble([decoder.parse(packet) for packet in packets])
            for packets in run((4, 64, 40, 0), None, steps)
        ]
        return [[item.id for item in h.items if item.id] for h in heaps]

    twice = [first, no_descriptors, second, heap, heap]
    assert contents(recipes.run_group, twice) == [[0x1000], [5, 0x1000], []]
    left_out = [first, no_descriptors, other, second, heap]
    assert contents(recipes.run_group, left_out) == [[0x1000], [5, 0x1001, 5, 0x1000]]

    def run_reference(*arguments: Any) -> Any:
        return reference.call("run_group", *arguments)

    assert contents(run_reference, twice) == [[0x1000], [5, 0x1000], [5, 0x1000]]
    assert contents(run_reference, left_out) == [[0x1000], [5, 0x1001, 5]]
