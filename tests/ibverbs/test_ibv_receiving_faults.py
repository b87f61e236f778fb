# SPDX-License-Identifier: Apache-2.0
"""A device that misbehaves while it receives costs the packets that it had, and nothing else."""

from __future__ import annotations

import json
import sys
import time

import ibv_receiver
import pytest
from ibverbs_fixtures import GROUP, Device
from receiving_program import Receiver, one, receiver, told
from veth_network import SENDER_ADDRESS


@pytest.mark.parametrize(
    ("settings", "event", "text"),
    [
        ({"SOFTVERBS_FAIL_RECEIVE": "20"}, "failed_receive", "local QP operation error"),
        ({"SOFTVERBS_CQ_OVERRUN": "20"}, "cq_overrun", "the completion queue is broken"),
        # What is too long is no fault, but there may be devices whose queue it stops.
        ({"SOFTVERBS_FAIL_RECEIVE": "20", "SOFTVERBS_FAIL_STATUS": "1"}, "failed_receive", "Flush"),
    ],
    ids=["a receive fails", "completions overrun", "too long a packet stops the queue"],
)
def test_a_queue_that_stops_is_followed_by_a_new_one(
    device: Device, settings: dict[str, str], event: str, text: str
) -> None:
    with receiver(device, settings) as made:
        made.send(*(one(i) for i in range(50)))
        made.wait_for(event)
        made.wait_for("create_flow", 2)
        made.send(*(one(i) for i in range(100, 150)))
        result = made.finish()
        assert made.cnts[:19] == list(range(19))
        assert made.cnts[-50:] == list(range(100, 150))
        assert made.heaps == [told(i) for i in made.cnts]
        (line,) = (line for line in result["log"] if "goes on with a new queue" in line)
        assert text in line
        assert "udp_ibv 239.102.17.3:" in line
        assert result["reason"] == ""


def test_the_stream_ends_when_there_can_be_no_new_queue(device: Device) -> None:
    with receiver(device, {"SOFTVERBS_FAIL_RECEIVE": "5", "SOFTVERBS_FAIL_MODIFY": "3"}) as made:
        made.send(*(one(i) for i in range(50)))
        result = made.finish(end=False)
        assert made.cnts == [0, 1, 2, 3]
        assert "local QP operation error" in result["reason"]
        assert "a new queue cannot be made: Input/output error" in result["reason"]


def test_interrupts_that_do_not_come(device: Device) -> None:
    with receiver(device, {"SOFTVERBS_LOSE_EVENTS": "1"}) as made:
        for i in range(5):
            made.send(one(i))
            made.take()  # so that each has to be waited for
        result = made.finish()
        assert made.cnts == [0, 1, 2, 3, 4]
        (line,) = result["log"]
        assert "the completion interrupt does not come; polling from now on" in line


def test_a_lost_completion_loses_a_packet(device: Device) -> None:
    with receiver(device, {"SOFTVERBS_LOSE_COMPLETION": "3"}) as made:
        made.send(*(one(i) for i in range(6)))
        made.finish()
        assert made.cnts == [0, 1, 3, 4, 5]


def test_a_device_that_gives_less_is_told(device: Device) -> None:
    with receiver(device, {"SOFTVERBS_GRANTED_QP_WR": "32"}) as made:
        made.send(one(1))
        result = made.finish()
        assert made.cnts == [1]
        (line,) = result["log"]
        assert "packets can wait in the queue, not the 112 of buffer_size" in line


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"SOFTVERBS_INTERFACES": "none"}, "10.99.0.1"),
        ({"SOFTVERBS_MAX_MR_BYTES": "1000"}, "register the receive buffer"),
        ({"SOFTVERBS_FAIL_MODIFY": "2"}, "cannot be started"),
        ({"SOFTVERBS_MAX_CQE": "0"}, "completion queue"),
    ],
)
def test_what_the_device_refuses(device: Device, settings: dict[str, str], text: str) -> None:
    made = Receiver(device, settings)
    try:
        result = json.loads(made.first_line)
        assert text in result["text"]
        assert made.process.wait() == 0
    finally:
        made.close()


def test_interrupts_that_do_come(device: Device) -> None:
    with receiver(device) as made:
        for i in range(5):
            time.sleep(0.03)  # a wait so long that a lost interrupt would have been missed
            made.send(one(i))
            made.take()
        result = made.finish()
        assert made.cnts == [0, 1, 2, 3, 4]
        assert result["log"] == []


def test_receiving_without_the_capability(device: Device) -> None:
    arguments = {"ibv": {"endpoints": [[GROUP, 8888]], "interface_address": SENDER_ADDRESS}}
    program = [sys.executable, "-E", ibv_receiver.__file__, json.dumps(arguments)]
    run = device.command(["setpriv", "--bounding-set=-net_raw", *program], {})
    assert "only to processes with CAP_NET_RAW" in json.loads(run.result)["text"]
