# SPDX-License-Identifier: Apache-2.0
"""Payload in memory regions is read by the device, everything else is copied once."""

from __future__ import annotations

import pathlib

import ibv_sender
import pytest
from ibverbs_fixtures import GROUP, Device
from spead_packets import collect
from veth_network import FrameSocket


@pytest.mark.parametrize("in_region", [True, False], ids=["region", "ordinary memory"])
def test_change_after_queueing(
    device: Device, capture: FrameSocket, tmp_path: pathlib.Path, in_region: bool
) -> None:
    """What is changed before the device reads it is sent from a region, and not from elsewhere."""
    device.run(
        "change_after_queueing",
        {"SOFTVERBS_HOLD": str(tmp_path / "hold")},
        config={"max_packet_size": 8972},
        size=100000,
        in_region=in_region,
    )
    heaps = collect(frame[42:] for frame in capture.read())
    sent = ibv_sender.pattern(100000, 1 if in_region else 0)
    assert heaps[1].item(ibv_sender.ITEM_ID) == sent.tobytes()


def elements(device: Device, capture: FrameSocket, **arguments: object) -> tuple[int, int]:
    """Send one heap; return packets and gather list elements, the bytes having been checked."""
    sizes = arguments["sizes"]
    assert isinstance(sizes, list)
    (items,) = sizes
    run = device.run("send", config={"max_packet_size": 4096}, **arguments)  # type: ignore[arg-type]
    heaps = collect(frame[42:] for frame in capture.read())
    assert bytes(heaps[1].payload) == ibv_sender.pattern(sum(items), 0).tobytes()
    totals = run.event("destroy_qp")
    return totals["sends"], totals["elements"]


def test_payload_in_a_region_is_one_more_element(device: Device, capture: FrameSocket) -> None:
    packets, n = elements(device, capture, sizes=[[100000]], regions=[[0, 100000]])
    assert n == 2 * packets


def test_payload_outside_regions_is_copied(device: Device, capture: FrameSocket) -> None:
    packets, n = elements(device, capture, sizes=[[100000]])
    assert n == packets


def test_payload_that_crosses_the_edges_of_a_region(device: Device, capture: FrameSocket) -> None:
    # One packet holds the beginning of the region, one its end; in between all is in it.
    packets, n = elements(device, capture, sizes=[[100000]], regions=[[10001, 80003]])
    inside = (80003 - 10001) // 4000
    assert packets + inside <= n <= packets + inside + 4


def test_payload_across_regions_side_by_side(device: Device, capture: FrameSocket) -> None:
    edges = [0, 1000, 33333, 33334, 60000, 100000]
    regions = [[a, b] for a, b in zip(edges, edges[1:])]
    packets, n = elements(device, capture, sizes=[[100000]], regions=regions)
    assert n >= 2 * packets


def test_many_regions_with_gaps(device: Device, capture: FrameSocket) -> None:
    """More pieces in a packet than a work request has elements for."""
    regions = [[a, a + 300] for a in range(0, 100000, 700)]
    packets, n = elements(device, capture, sizes=[[100000]], regions=regions)
    assert packets < n <= 4 * packets


def test_many_items_in_one_packet(device: Device, capture: FrameSocket) -> None:
    sizes = [[1000, 7, 500, 290, 256, 257, 1000, 6, 40, 700]]
    packets, n = elements(device, capture, sizes=sizes, regions=[[0, 4056]])
    # Items that lie side by side in memory are one piece, unless a small one in between is copied.
    assert packets < n <= 4 * packets


@pytest.mark.parametrize("max_sge", ["1", "2", "3"])
def test_devices_with_short_gather_lists(
    device: Device, capture: FrameSocket, max_sge: str
) -> None:
    run = device.run(
        "send",
        {"SOFTVERBS_MAX_SGE": max_sge},
        config={"max_packet_size": 4096},
        sizes=[[1000, 7, 5000, 290, 256, 257, 1000, 6, 40, 700], [20000]],
        regions=[[500, 2000], [2100, 6000], [6000, 20000]],
    )
    heaps = collect(frame[42:] for frame in capture.read())
    for i, size in enumerate([8556, 20000]):
        assert bytes(heaps[i + 1].payload) == ibv_sender.pattern(size, i).tobytes()
    assert f"max_sge is {max_sge}" in run.log
    assert "WARNING spead2" in run.log
    assert run.event("create_qp")["max_send_sge"] == int(max_sge)


def test_regions_are_registered_and_let_go(device: Device, capture: FrameSocket) -> None:
    run = device.run(
        "send",
        ibv={"endpoints": [[GROUP, 9000]]},
        sizes=[[50000]],
        regions=[[0, 1000], [2000, 50000]],
    )
    registered = sorted(event["length"] for event in run.all_events("reg_mr"))
    assert registered[:2] == [1000, 48000]
    assert sorted(event["length"] for event in run.all_events("dereg_mr")) == registered
    capture.read()
