# SPDX-License-Identifier: Apache-2.0
"""Whatever is put into heaps, an independent decoder gets the same out of their packets."""

from __future__ import annotations

import itertools
from typing import Any

import decoder
import hypothesis
import pytest
import recipes
import strategies
from hypothesis import strategies as st

import spead2
import spead2.send as send


def check_heap(
    heap: decoder.Heap,
    flavour: tuple[int, int, int, int],
    parts: list[tuple[str, strategies.Sample | None]],
) -> None:
    bits, bug_compat = flavour[2:]
    assert heap.address_bits == bits
    assert len(heap.items) == len(parts)
    for item, (kind, sample) in zip(heap.items, parts):
        if sample is None:
            assert (item.id, item.immediate) == (decoder.STREAM_CTRL, True)
            assert item.number == {"start": 0, "end": 2}[kind]
        elif kind == "descriptor":
            assert (item.id, item.immediate) == (decoder.DESCRIPTOR, False)
            check_descriptor(decoder.parse_descriptor(item.data, bits, bug_compat), sample)
        else:
            description = sample.description
            assert item.id == description.id
            descriptor = described(description)
            decoder.check_mode(item, descriptor, bits)
            value = decoder.decode_value(decoder.item_bytes(item, descriptor), descriptor)
            assert strategies.matches(value, sample.expected)


def described(description: recipes.Description) -> decoder.Descriptor:
    """Return what a receiver knows of an item whose descriptor is in another heap."""
    assert description.id is not None
    return decoder.Descriptor(
        description.id,
        description.name,
        description.description,
        description.shape,
        tuple(description.format or []),
        None if description.dtype is None else recipes.to_dtype(description.dtype),
        description.order,
        None,
    )


def check_descriptor(found: decoder.Descriptor, sample: strategies.Sample) -> None:
    description = sample.description
    assert (found.id, found.name, found.description) == (
        description.id,
        description.name,
        description.description,
    )
    assert found.shape == description.shape
    assert found.order == description.order
    assert list(found.format) == (description.format or [])
    if description.dtype is None:
        assert found.dtype is None
    else:
        assert found.dtype == recipes.to_dtype(description.dtype)


def heap_is_too_long(error: ValueError, flavour: tuple[int, int, int, int]) -> bool:
    """Whether 8 bits do not tell the length of what is in the heap, or of a descriptor in it."""
    text = str(error)
    return flavour[2] == 8 and ("heap has" in text or "descriptor of item" in text)


@strategies.examples(250)
@hypothesis.given(
    data=st.data(),
    flavour=strategies.flavours(),
    cnt=st.integers(0, 2**64 - 1),
    size=strategies.packet_sizes(),
)
def test_heap(data: Any, flavour: tuple[int, int, int, int], cnt: int, size: int) -> None:
    recipe, parts = data.draw(strategies.heap_samples(flavour))
    max_pointers = (size // 8 * 8 - 48) // 8
    if recipe.repeat_pointers and len(parts) + 1 > max_pointers:
        with pytest.raises(ValueError, match="repeat_pointers"):
            recipes.packets(recipe, cnt, size)
        return
    try:
        packets = recipes.packets(recipe, cnt, size)
    except ValueError as error:
        if heap_is_too_long(error, flavour):
            return
        raise
    parsed = [decoder.parse(packet) for packet in packets]
    decoder.check_sizes(parsed, size, recipe.repeat_pointers)
    heap = decoder.assemble(parsed, repeat_pointers=recipe.repeat_pointers)
    assert heap.cnt == cnt % 2 ** flavour[2]
    check_heap(heap, flavour, parts)


@strategies.examples(100)
@hypothesis.given(
    data=st.data(),
    flavour=strategies.flavours(16),
    size=strategies.packet_sizes(),
    mode=st.sampled_from(list(send.GroupMode)),
)
def test_group_of_heaps(
    data: Any, flavour: tuple[int, int, int, int], size: int, mode: send.GroupMode
) -> None:
    pairs = data.draw(st.lists(strategies.heap_samples(flavour, 4), min_size=1, max_size=4))
    pairs = [
        (recipes.HeapRecipe(recipe.flavour, recipe.parts, False), parts) for recipe, parts in pairs
    ]
    cnts = data.draw(
        st.lists(
            st.integers(0, 2 ** flavour[2] - 1),
            min_size=len(pairs),
            max_size=len(pairs),
            unique=True,
        )
    )
    group = tuple((recipe, cnt) for (recipe, _), cnt in zip(pairs, cnts))
    packets = decoder.split(recipes.transmit(recipes.Transmission(group, size, mode.name)))

    sequence = [packet.cnt for packet in packets]
    numbers = {cnt: sequence.count(cnt) for cnt in cnts}
    if mode is send.GroupMode.SERIAL:
        expected = [cnt for cnt in cnts for _ in range(numbers[cnt])]
    else:
        rounds = [[cnt] * numbers[cnt] for cnt in cnts]
        expected = [
            cnt for turn in itertools.zip_longest(*rounds) for cnt in turn if cnt is not None
        ]
    assert sequence == expected
    heaps = decoder.assemble_all(packets)
    assert [heap.cnt for heap in heaps] == cnts
    for heap, (_, parts) in zip(heaps, pairs):
        check_heap(heap, flavour, parts)


@strategies.examples(100)
@hypothesis.given(data=st.data(), frequency=st.one_of(st.none(), st.integers(1, 4)))
def test_receiver_that_misses_nothing_has_what_the_group_has(
    data: Any, frequency: int | None
) -> None:
    flavour = (4, 64, 48, 0)
    group = send.ItemGroup(descriptor_frequency=frequency, flavour=spead2.Flavour(*flavour))
    sent: dict[str, strategies.Sample] = {}
    known: dict[int, decoder.Descriptor] = {}
    received: dict[str, Any] = {}
    for number in range(data.draw(st.integers(1, 5))):
        for name in data.draw(st.lists(st.sampled_from("abc"), unique=True)):
            identifier = 0x1000 + "abc".index(name)
            sample = data.draw(strategies.samples(identifier, name))
            description = sample.description
            group.add_item(value=description.make_value(), **description.arguments())
            sent[name] = sample
        packets = send.PacketGenerator(group.get_heap(), number, 1472)
        heap = decoder.assemble([decoder.parse(p) for p in packets])
        for item in heap.items:
            if item.id == decoder.DESCRIPTOR:
                descriptor = decoder.parse_descriptor(item.data, 48, 0)
                known[descriptor.id] = descriptor
            else:
                descriptor = known[item.id]
                received[descriptor.name] = decoder.decode_value(
                    decoder.item_bytes(item, descriptor), descriptor
                )
        assert received.keys() == sent.keys()
        for name, sample in sent.items():
            assert strategies.matches(received[name], sample.expected)
