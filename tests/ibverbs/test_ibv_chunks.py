# SPDX-License-Identifier: Apache-2.0
"""Chunk streams that receive through ibverbs: heaps of one packet and of many, lost and late."""

from __future__ import annotations

import hashlib
import pathlib
import random
import sys
from typing import Any

import chunk_reception
import packets
import place_functions
import pytest
from ibverbs_fixtures import Device
from receiving_program import DATA, receiver
from software_device import unavailable

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = ROOT / ".venv-reference" / "bin" / "python"

HEAPS, HEAP_SIZE = 8, 6000


def payload(time: int) -> bytes:
    return random.Random(time).randbytes(HEAP_SIZE)


def heap(time: int, *places: int) -> list[bytes]:
    """Return the packets of a heap that is cut at `places`."""
    whole = packets.whole(time + 1, (DATA + 1, payload(time)), (chunk_reception.TIME, time))
    return [packet.encode() for packet in packets.cut(whole, *places)]


def told(chunk_id: int, missing: tuple[int, ...] = ()) -> list[Any]:
    """Return what the program says of a chunk."""
    data, present = b"", []
    for time in range(chunk_id * HEAPS, (chunk_id + 1) * HEAPS):
        present.append(int(time not in missing))
        data += b"\xff" * HEAP_SIZE if time in missing else payload(time)
    return [chunk_id, hashlib.sha256(data).hexdigest(), present]


@pytest.fixture(scope="session")
def functions(tmp_path_factory: pytest.TempPathFactory) -> str:
    return place_functions.build(tmp_path_factory.mktemp("place"))


@pytest.mark.parametrize("package", ["ours", "the reference"])
def test_chunks_are_filled(device: Device, functions: str, package: str) -> None:
    if package != "ours" and not REFERENCE.exists():
        unavailable("the reference package is not installed (script/setup does it)")
    python = sys.executable if package == "ours" else str(REFERENCE)
    chunks = {"functions": functions, "heaps_a_chunk": HEAPS, "heap_size": HEAP_SIZE}
    room = {"buffer_size": 8 << 20}  # for all packets: how fast they are taken is not the matter
    with receiver(device, python=python, chunks=chunks, ibv=room) as made:
        for time in range(3 * HEAPS):
            made.send(*heap(time))
        for time in range(3 * HEAPS, 6 * HEAPS):
            made.send(*heap(time, *range(1400, HEAP_SIZE, 1400)))
        # One heap is lost, one comes after those behind it, one when its chunk has gone.
        late, lost, too_late = 6 * HEAPS + 3, 7 * HEAPS + 1, 6 * HEAPS + 5
        for time in range(6 * HEAPS, 9 * HEAPS):
            if time == 8 * HEAPS:
                made.send(*heap(too_late, 1400))
            if time == 7 * HEAPS:
                made.send(*heap(late))
            if time not in (late, lost, too_late):
                made.send(*heap(time, 3000))
        made.send(*heap(too_late, 1400))
        result = made.finish()
        expected = [told(i) for i in range(6)]
        expected += [told(6), told(7, (lost,)), told(8)]
        assert made.heaps == expected
        assert result["log"] == []
        if package == "ours":  # the reference may not have counted its last packets yet
            assert result["stats"]["too_old_heaps"] == 1
            assert result["stats"]["heaps"] == 9 * HEAPS


def test_frames_are_used_again_and_again(device: Device, functions: str) -> None:
    """More than there is memory for."""
    chunks = {"functions": functions, "heaps_a_chunk": HEAPS, "heap_size": HEAP_SIZE}
    with receiver(device, chunks=chunks, ibv={"buffer_size": 128 * 9300}) as made:
        for chunk_id in range(20):
            for time in range(chunk_id * HEAPS, (chunk_id + 1) * HEAPS):
                made.send(*heap(time, 1400, 2800))
            if chunk_id >= 2:
                made.take()
        made.finish()
        assert made.heaps == [told(i) for i in range(20)]
