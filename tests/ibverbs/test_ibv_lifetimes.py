# SPDX-License-Identifier: Apache-2.0
"""Streams whose device has work in flight while their user lets go, cancels or interrupts."""

from __future__ import annotations

import itertools
import pathlib

import ibv_sender
import pytest
from ibverbs_fixtures import Device
from spead_packets import collect
from veth_network import FrameSocket

HEAPS = 6
SIZE = 100000
CONFIG = {"max_packet_size": 8972, "max_heaps": HEAPS}


@pytest.mark.parametrize(
    "order",
    [
        order
        for order in itertools.permutations(["thread_pool", "stream", "udp_ibv_config", "memory"])
        if order.index("udp_ibv_config") < 2  # the others are much the same
    ],
    ids=" ".join,
)
def test_whatever_goes_first_all_is_sent_and_nothing_kept(
    device: Device, capture: FrameSocket, tmp_path: pathlib.Path, order: tuple[str, ...]
) -> None:
    run = device.run(
        "release_while_busy",
        {"SOFTVERBS_HOLD": str(tmp_path / "hold")},
        config=CONFIG,
        heaps=HEAPS,
        size=SIZE,
        order=order,
    )
    sent = [heap for heap in run.result["sent"] if isinstance(heap, int)]
    assert len(sent) == HEAPS, run.result
    assert run.result["in_use"]
    assert run.result["released"]
    heaps = collect(frame[42:] for frame in capture.read())
    assert sorted(heaps) == list(range(1, HEAPS + 1))
    for heap in heaps.values():
        assert heap.item(ibv_sender.ITEM_ID) == ibv_sender.pattern(SIZE, 0).tobytes()
    assert run.event("destroy_qp")["outstanding"] == 0
    assert len(run.all_events("dereg_mr")) == len(run.all_events("reg_mr")) == 2


def test_cancelled_heaps_are_sent_like_the_others(
    device: Device, capture: FrameSocket, tmp_path: pathlib.Path
) -> None:
    run = device.run(
        "cancel_while_busy",
        {"SOFTVERBS_HOLD": str(tmp_path / "hold")},
        config=CONFIG,
        heaps=HEAPS,
        size=SIZE,
    )
    assert run.result["cancelled"] == [True, False] * (HEAPS // 2)
    assert all(sent > SIZE for sent in run.result["sent"])
    assert run.result["flush"]
    assert run.log == ""
    heaps = collect(frame[42:] for frame in capture.read())
    assert [heaps[cnt].is_complete for cnt in range(1, HEAPS + 1)] == [True] * HEAPS


@pytest.mark.parametrize("comp_vector", [0, -1], ids=["interrupts", "polling"])
@pytest.mark.parametrize("max_poll", [1, 2**31 - 1])
def test_a_send_can_be_interrupted(
    device: Device, capture: FrameSocket, tmp_path: pathlib.Path, max_poll: int, comp_vector: int
) -> None:
    run = device.run(
        "interrupt_while_busy",
        {"SOFTVERBS_HOLD": str(tmp_path / "hold")},
        config=CONFIG,
        ibv={"max_poll": max_poll, "comp_vector": comp_vector},
        size=SIZE,
    )
    assert run.result["interrupted"]
    assert run.result["sent"] > SIZE
    # The first heap stays queued, since the device had its packets.
    heaps = collect(frame[42:] for frame in capture.read())
    assert [heaps[cnt].is_complete for cnt in (1, 2)] == [True, True]
