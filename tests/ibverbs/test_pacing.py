# SPDX-License-Identifier: Apache-2.0
"""RateMethod.HW: the device keeps the rate where it can, the stream otherwise."""

from __future__ import annotations

import pytest
from ibverbs_fixtures import Device, Run
from veth_network import FrameSocket

RATE = 50e6  # bytes per second
SIZES = [[100000]] * 20


def send(device: Device, settings: dict[str, str], **config: object) -> Run:
    run = device.run(
        "send", settings, config={"max_packet_size": 8972, "rate": RATE, **config}, sizes=SIZES
    )
    assert all("sent" in result for result in run.result)
    return run


def test_device_paces_in_its_range(device: Device, capture: FrameSocket) -> None:
    run = send(device, {"SOFTVERBS_PACING": "1000:10000000"}, rate_method="HW")
    # The device counts frames, headers included.
    frames = RATE * (8972 + 42) / 8972
    assert run.event("rate_limit")["kbps"] == round(frames * 8 / 1000)
    assert len(capture.read()) == run.event("destroy_qp")["sends"]


def test_rate_holds_after_a_failure(device: Device, capture: FrameSocket) -> None:
    run = device.run(
        "send",
        {"SOFTVERBS_PACING": "1000:10000000", "SOFTVERBS_FAIL_WR": "30"},
        config={"max_packet_size": 8972, "rate": RATE, "rate_method": "HW"},
        sizes=SIZES,
    )
    assert len({event["kbps"] for event in run.all_events("rate_limit")}) == 1
    assert len(run.all_events("rate_limit")) == 2
    capture.read()


@pytest.mark.parametrize(
    "settings",
    [{}, {"SOFTVERBS_PACING": "1:1000"}, {"SOFTVERBS_PACING": "1000000:2000000"}],
    ids=["no pacing", "too fast for it", "too slow for it"],
)
def test_software_paces_where_the_device_cannot(
    device: Device, capture: FrameSocket, settings: dict[str, str]
) -> None:
    run = send(device, settings, rate_method="HW")
    assert run.all_events("rate_limit") == []
    assert "the rate is kept by software" in run.log
    assert len(capture.read()) == run.event("destroy_qp")["sends"]


def test_software_paces_when_the_device_refuses(device: Device, capture: FrameSocket) -> None:
    # Calls 1 to 3 start the queue, call 4 sets the rate.
    settings = {"SOFTVERBS_PACING": "1000:10000000", "SOFTVERBS_FAIL_MODIFY": "4"}
    run = send(device, settings, rate_method="HW")
    assert run.all_events("rate_limit") == []
    assert "packet pacing was refused" in run.log
    assert "WARNING spead2" in run.log
    assert len(capture.read()) == run.event("destroy_qp")["sends"]


@pytest.mark.parametrize("method", ["SW", "AUTO"])
def test_other_methods_leave_the_device_alone(
    device: Device, capture: FrameSocket, method: str
) -> None:
    run = send(device, {"SOFTVERBS_PACING": "1000:10000000"}, rate_method=method)
    assert run.all_events("rate_limit") == []
    capture.read()
