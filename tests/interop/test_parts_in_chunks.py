# SPDX-License-Identifier: Apache-2.0
"""Heaps that several ranks send: both packages place them in chunks, however packets come.

A receiver places a heap by the first packet that comes, whoever sent it, so all have the pointers.
"""

from __future__ import annotations

import random
from typing import Any

import chunk_reception
import numpy as np
import place_functions
import pytest

import spead2.send as send
import spead2.send.mpi as mpi

RANKS, HEAPS, SHAPE = 4, 6, (9, 40)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("split", [0, 1])
def test_parts_of_heaps_are_placed_in_chunks(
    reference: Any, tmp_path_factory: pytest.TempPathFactory, split: int, order: str
) -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(0, 256, (HEAPS, *SHAPE), np.uint8)
    packets = []
    for rank in range(RANKS):
        group = mpi.ItemGroup(mpi.Place(rank, RANKS), pointers="every")
        group.add_item(chunk_reception.TIME, "time", "", (), format=[("u", 40)])
        group.add_item(0x1001, "values", "", SHAPE, np.uint8, order, split=split)
        first, last = mpi.share_of_axis(SHAPE[split], rank, RANKS)
        for i in range(HEAPS):
            group["time"].value = i
            group["values"].value = np.take(values[i], range(first, last), axis=split)
            part = group.get_heap(descriptors="none").heap
            assert part is not None
            packets += send.PacketGenerator(part, 1 + i, 100)
    random.Random(2).shuffle(packets)
    settings = chunk_reception.Settings(
        functions=place_functions.build(tmp_path_factory.mktemp("place")),
        config={"max_heaps": HEAPS, "allow_out_of_order": True},
        max_chunks=3,
        heaps_a_chunk=2,
        heap_size=values[0].size,
    )
    sent = b"".join(value.tobytes(order) for value in values)
    for report in (
        chunk_reception.receive(packets, settings),
        reference.call("chunk_reception", packets, settings),
    ):
        assert [chunk[0] for chunk in report.chunks] == [0, 1, 2]
        assert b"".join(chunk[2] for chunk in report.chunks) == sent
        assert all(chunk[3] == bytes([1, 1]) for chunk in report.chunks)
