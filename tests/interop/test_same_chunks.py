# SPDX-License-Identifier: Apache-2.0
"""Whatever packets come, in whatever order: the reference package fills the same chunks with them.

Every byte of data, every flag, what place functions add, all statistics, and what is logged. What
it does not survive (answers outside a chunk) is in tests/recv.
"""

from __future__ import annotations

import dataclasses
import random
import re
from typing import Any

import chunk_reception
import hypothesis
import packets
import place_functions
import pytest
import strategies
from hypothesis import strategies as st

HEAP_SIZE = 32


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    return place_functions.build(tmp_path_factory.mktemp("place"))


@st.composite
def heaps(draw: st.DrawFn, cnt: int, time: int) -> list[bytes]:
    """Return the packets of a heap, some of which may contradict the others."""
    size = draw(st.sampled_from([HEAP_SIZE, HEAP_SIZE, 24, 8, 1, 0]))
    payload = bytes((cnt * 7 + i) % 256 for i in range(size))
    pointers: list[tuple[int, ...]] = [(0x1000, 0, 0)]
    if draw(st.integers(0, 9)):
        pointers.append((chunk_reception.TIME, time))
    extra = [(packets.STREAM_CTRL, packets.STOP), (chunk_reception.TIME, 1), (2, 5)]
    pointers += draw(st.lists(st.sampled_from(extra), max_size=1)) if cnt % 4 == 0 else []
    length = draw(st.sampled_from([size, size, size, size, size + 1, None]))
    heap = packets.Packet(cnt, payload, 0, length, pointers, draw(st.sampled_from([40, 40, 48])))
    pieces = packets.cut(heap, *range(8, size, 8))
    if draw(st.booleans()):  # the first packet has less payload, as its items take room
        pieces = packets.cut(heap, *range(4, size, 12))
    if draw(st.booleans()):  # every packet has all items
        pieces = [dataclasses.replace(piece, pointers=pointers) for piece in pieces]
    for i, piece in enumerate(pieces):
        changed = draw(st.sampled_from([""] * 8 + ["length", "no length", "bits"]))
        if changed == "length" and i:
            pieces[i] = dataclasses.replace(piece, length=size + 1)
        elif changed == "no length" and i:
            pieces[i] = dataclasses.replace(piece, length=None)
        elif changed == "bits" and i:
            pieces[i] = dataclasses.replace(piece, bits=56, pointers=[])
    return [piece.encode() for piece in pieces]


@st.composite
def traffic(draw: st.DrawFn) -> list[bytes]:
    """Return packets of heaps whose times go on, jump and go back."""
    time = draw(st.sampled_from([0, 0, 1, 50]))
    groups = []
    for cnt in range(1, draw(st.integers(1, 10)) + 1):
        groups.append(draw(heaps(cnt, time)))
        time = max(0, time + draw(st.sampled_from([0, 1, 1, 1, 2, 4, 5, 9, 30, -1, -4, -9])))
    rng = random.Random(draw(st.integers(0, 2**32 - 1)))
    if draw(st.booleans()):
        sequence = []
        while any(groups):
            sequence.append(rng.choice([group for group in groups if group]).pop(0))
    else:
        sequence = [packet for group in groups for packet in group]
    loss, repeats, delays = (draw(st.sampled_from([0.0, 0.0, 0.1, 0.3])) for _ in range(3))
    result: list[bytes] = []
    for packet in sequence:
        if rng.random() < loss:
            continue
        result.append(packet)
        if rng.random() < repeats:
            result.append(packet)
        if rng.random() < delays and len(result) > 1:
            result.insert(rng.randrange(len(result)), result.pop())
    return result


@st.composite
def settings(draw: st.DrawFn) -> chunk_reception.Settings:
    config = {
        "max_heaps": draw(st.integers(1, 4)),
        "substreams": draw(st.integers(1, 2)),
        "stop_on_stop_item": draw(st.booleans()),
        "allow_out_of_order": draw(st.booleans()),
        "stream_id": draw(st.integers(0, 3)),
    }
    return chunk_reception.Settings(
        functions="",
        how=draw(st.sampled_from(["inproc", "buffer"])),
        config=config,
        max_chunks=draw(st.integers(1, 4)),
        heaps_a_chunk=draw(st.integers(1, 5)),
        heap_size=HEAP_SIZE + 8,  # room for those that say that they are longer
        packet_size=draw(st.sampled_from([0, 0, 8])),
        extra_size=draw(st.sampled_from([0, 0, 2])),
    )


def comparable(report: chunk_reception.Report) -> Any:
    """Leave out what depends on timing, and what is different on purpose."""
    stats = dict(report.stats)
    del stats["worker_blocked"]
    log = sorted(
        (level, re.sub("set allow_out_of_order to (true|false)", "set it", text))
        for level, text in report.log
        if text.startswith("packet rejected because")
    )
    return {"chunks": report.chunks, "stats": stats, "log": log}


@strategies.examples(300)
@hypothesis.given(sent=traffic(), settings=settings())
def test_any_traffic_into_chunks(
    reference: Any, library: str, sent: list[bytes], settings: chunk_reception.Settings
) -> None:
    settings = dataclasses.replace(settings, functions=library)
    ours = comparable(chunk_reception.receive(sent, settings))
    theirs = comparable(reference.call("chunk_reception", sent, settings))
    assert ours["stats"] == theirs["stats"]
    assert ours["log"] == theirs["log"]
    assert ours["chunks"] == theirs["chunks"]
