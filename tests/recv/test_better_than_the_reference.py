# SPDX-License-Identifier: Apache-2.0
"""What receiving does differently on purpose, as README says: the reference package's defects."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import packets
import pytest
import reception
import recipes

import spead2
import spead2.recv as recv


def one(cnt: int) -> bytes:
    return packets.whole(cnt, (0x20, b"payload")).encode()


def receive(*sent: bytes, **config: Any) -> reception.Report:
    return reception.receive(sent, reception.Settings(config=config, update=False))


def test_an_empty_packet_is_refused() -> None:
    report = receive(b"", one(1))
    assert [heap["cnt"] for heap in report.heaps] == [1]
    assert report.log == [("INFO", "packet rejected because too small (0 bytes)")]
    assert report.stats["packets"] == 1


@pytest.mark.parametrize("offset", [0, 2**39 - 8], ids=["beginning", "end"])
def test_a_heap_that_is_too_large_is_refused(offset: int) -> None:
    huge = packets.Packet(1, b"payload!", offset, 2**39).encode()
    report = receive(huge, one(2), allow_out_of_order=True)
    assert [heap["cnt"] for heap in report.heaps] == [2]
    assert str(2**39) in report.log[0][1]
    assert str(2**32) in report.log[0][1]


def test_a_packet_far_out_in_a_heap_of_unknown_length_is_refused() -> None:
    report = receive(
        packets.Packet(1, b"payload!", 2**39).encode(), one(2), allow_out_of_order=True
    )
    assert [heap["cnt"] for heap in report.heaps] == [2]


def test_memory_that_cannot_be_had_costs_the_heap_alone() -> None:
    report = receive(one(1), one(2), memory_allocator=spead2.MmapAllocator(flags=0x10))
    # MAP_FIXED at address 0, which nobody may have.
    assert report.heaps == []
    assert len(report.log) == 2
    assert report.stats["packets"] == 2


def test_none_is_refused() -> None:
    stream = recv.Stream(spead2.ThreadPool())
    with pytest.raises(TypeError):
        stream.add_inproc_reader(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        recv.StreamConfig(memory_allocator=None)  # type: ignore[arg-type]


def test_a_memory_pool_that_is_refilled(caplog: pytest.LogCaptureFixture) -> None:
    pool = spead2.MemoryPool(spead2.ThreadPool(), 1, 4096, 8, 4, 2)
    queue = spead2.InprocQueue()
    stream = recv.Stream(
        spead2.ThreadPool(),
        recv.StreamConfig(memory_allocator=pool),
        recv.RingStreamConfig(heaps=1000),
    )
    stream.add_inproc_reader(queue)
    kept = []
    for cnt in range(100):
        queue.add_packet(one(cnt))
        kept.append(stream.get())
    assert [bytes(heap.get_items()[0]) for heap in kept] == [b"payload"] * 100


def test_a_memory_pool_that_is_empty(caplog: pytest.LogCaptureFixture) -> None:
    pool = spead2.MemoryPool(1, 4096, 8, 1)
    assert pool.warn_on_empty is True
    report = receive(one(1), one(2), memory_allocator=pool)
    assert report.log == [("WARNING", "memory pool is empty when allocating 7 bytes")]
    pool = spead2.MemoryPool(1, 4096, 8, 1)
    pool.warn_on_empty = False
    assert receive(one(1), one(2), memory_allocator=pool).log == []


def test_advice_on_packets_out_of_order() -> None:
    first, second, third = (
        piece.encode() for piece in packets.cut(packets.whole(1, (0x20, b"abcdef")), 2, 4)
    )
    # Packets that are late, and one that comes again.
    for sent in ((first, third, second), (first, second, first)):
        report = receive(*sent)
        (text,) = [text for _, text in report.log if "allow_out_of_order" in text]
        assert "set allow_out_of_order to true" in text


EMPTY = [
    recipes.Description(0x20, "fixed", "", (0,), "<u4", value=recipes.Array("<u4", (0,), b"")),
    recipes.Description(0x21, "table", "", (2, 0), "<f4",
                        value=recipes.Array("<f4", (2, 0), b"")),
    recipes.Description(0x22, "variable", "", (None,), format=[("u", 16)], value=[]),
    recipes.Description(0x23, "packed", "", (None,), format=[("u", 12)], value=[]),
    recipes.Description(0x24, "text", "", (None,), format=[("c", 8)], value=""),
]  # fmt: skip


@pytest.mark.parametrize("description", EMPTY, ids=lambda description: description.name)
def test_arrays_without_elements_arrive(description: recipes.Description) -> None:
    recipe = recipes.HeapRecipe(
        (4, 64, 40, 0),
        (recipes.Part("descriptor", description), recipes.Part("item", description)),
    )
    stream = recv.Stream(spead2.ThreadPool())
    stream.add_buffer_reader(b"".join(recipes.packets(recipe, 1, 1472)))
    (heap,) = stream
    updated = spead2.ItemGroup().update(heap)
    assert list(updated) == [description.name]
    value = updated[description.name].value
    assert np.size(value) == 0 if description.name != "text" else value == ""
    assert updated[description.name].version == 3


def test_items_without_bytes_are_values_only_where_that_can_be() -> None:
    group = spead2.ItemGroup()
    scalar = group.add_item(0x20, "scalar", "", (), "<u4", value=5)
    stream = recv.Stream(spead2.ThreadPool())
    stream.add_buffer_reader(packets.whole(1, (0x20, b""), (0x21, b"x")).encode())
    (heap,) = stream
    assert [item.id for item in heap.get_items()] == [0x21]
    assert group.update(heap) == {}
    assert (scalar.value, scalar.version) == (5, 1)


def test_only_immediates_have_an_immediate_value() -> None:
    stream = recv.Stream(spead2.ThreadPool())
    stream.add_buffer_reader(one(1))
    (heap,) = stream
    (item,) = heap.get_items()
    with pytest.raises(ValueError, match="0x20 is not an immediate"):
        _ = item.immediate_value


def test_a_stream_ends_with_its_last_reader() -> None:
    for first, ends in ((False, [1, 2, 3]), (True, [1])):
        stream = recv.Stream(
            spead2.ThreadPool(), recv.StreamConfig(explicit_start=True, stop_on_first_end=first)
        )
        for cnt in (1, 2, 3):
            stream.add_buffer_reader(one(cnt))
        stream.start()
        assert [heap.cnt for heap in stream] == ends


def test_a_whole_packet_completes_the_heap_that_is_begun() -> None:
    empty = packets.Packet(1, b"", 0, 4, [(0x21, 5)]).encode()
    whole = packets.Packet(1, b"abcd", 0, 4, [(0x20, 0, 0)]).encode()
    report = receive(empty, whole)
    assert [(heap["cnt"], heap["items"]) for heap in report.heaps] == [
        (1, [(0x20, b"abcd"), (0x21, 5)])
    ]
    assert report.log == []


def test_one_bad_heap_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "spead2"):
        report = receive(*[b"garbage."] * 20000, one(1))
    assert [heap["cnt"] for heap in report.heaps] == [1]
    assert 0 < len(report.log) < 5000
