# SPDX-License-Identifier: Apache-2.0
"""A device that misbehaves costs the heaps that it hits an OSError, and nothing else."""

from __future__ import annotations

import errno
import json
import pathlib
import sys

import ibv_sender
import pytest
from ibverbs_fixtures import Device, Run
from spead_packets import collect
from veth_network import SENDER_ADDRESS, FrameSocket

HEAPS = 20
SIZE = 100000  # 12 packets each
CONFIG = {"max_packet_size": 8972}
RESET, INIT, RTR, RTS, ERR = 0, 1, 2, 3, 6  # states of a queue pair


def send(device: Device, settings: dict[str, str], **ibv: object) -> Run:
    return device.run("send", settings, config=dict(CONFIG), ibv=ibv, sizes=[[SIZE]] * HEAPS)


def failed(run: Run) -> dict[int, int]:
    """Return the cnts of failed heaps with the errno of each."""
    return {i + 1: r["errno"] for i, r in enumerate(run.result) if "errno" in r}


def assert_others_arrived(run: Run, capture: FrameSocket) -> None:
    heaps = collect(frame[42:] for frame in capture.read())
    for cnt in set(range(1, HEAPS + 1)) - set(failed(run)):
        assert heaps[cnt].is_complete
        assert heaps[cnt].packets == 12, "a packet was sent twice"
        assert bytes(heaps[cnt].payload) == ibv_sender.pattern(SIZE, cnt - 1).tobytes()


def test_work_request_that_fails(device: Device, capture: FrameSocket) -> None:
    run = send(device, {"SOFTVERBS_FAIL_WR": "30"})
    assert failed(run) == {3: errno.EIO}
    assert_others_arrived(run, capture)
    assert "local QP operation error" in run.log
    assert "ERROR spead2" in run.log


def test_only_the_failed_packet_is_missing(device: Device, capture: FrameSocket) -> None:
    """Packets that were queued behind it are sent when the queue has been started again."""
    send(device, {"SOFTVERBS_FAIL_WR": "3"})
    heaps = collect(frame[42:] for frame in capture.read())
    assert heaps[1].packets == 11
    assert all(heaps[cnt].is_complete for cnt in range(2, HEAPS + 1))


ENDPOINTS = [["239.102.17.3", 8888], ["239.102.17.4", 8889], ["239.102.17.5", 8890]]


@pytest.mark.parametrize("settings", [{"SOFTVERBS_FAIL_POST": "5"}, {"SOFTVERBS_FAIL_WR": "5"}])
def test_error_names_the_substream_that_failed(
    device: Device, capture: FrameSocket, settings: dict[str, str]
) -> None:
    """Of packets in turns to three substreams, the fifth is the second of the second."""
    run = device.run(
        "send_interleaved",
        settings,
        config=dict(CONFIG),
        ibv={"endpoints": ENDPOINTS},
        heaps=3,
        size=50_000,
    )
    text = run.result["text"]
    assert "239.102.17.4:8889" in text
    assert "substream 1" in text
    assert "239.102.17.3" not in text
    assert "239.102.17.5" not in text


def test_each_error_of_a_device_that_is_gone_names_its_substream(
    device: Device, capture: FrameSocket
) -> None:
    """Those of the batch that it had, and those that it is not given any more."""
    run = device.run(
        "send",
        {"SOFTVERBS_GONE": "1"},
        config=dict(CONFIG),
        ibv={"endpoints": ENDPOINTS},
        sizes=[[1000]] * 4,
        substreams=[2, 0, 1, 2],
    )
    for result, number in zip(run.result, (2, 0, 1, 2)):
        assert f"{ENDPOINTS[number][0]}:{ENDPOINTS[number][1]}" in result["text"]
        assert f"substream {number}" in result["text"]
        assert result["text"].count("239.") == 1


def test_queued_heaps_survive_the_failure_of_another(device: Device, capture: FrameSocket) -> None:
    run = device.run(
        "send_asynchronously",
        {"SOFTVERBS_FAIL_WR": "30"},
        config={**CONFIG, "max_heaps": HEAPS},
        heaps=HEAPS,
        size=SIZE,
    )
    run.result = run.result["results"]
    assert failed(run) == {3: errno.EIO}
    assert_others_arrived(run, capture)


def test_work_requests_that_fail_again_and_again(device: Device, capture: FrameSocket) -> None:
    run = send(device, {"SOFTVERBS_FAIL_WR": "5", "SOFTVERBS_FAIL_WR_EVERY": "30"})
    numbers = [event["number"] for event in run.all_events("failed_send")]
    assert numbers == list(range(5, 12 * HEAPS + 1, 30))
    assert set(failed(run).values()) == {errno.EIO}
    assert len(failed(run)) == len(numbers)
    assert_others_arrived(run, capture)


def test_refused_post(device: Device, capture: FrameSocket) -> None:
    run = send(device, {"SOFTVERBS_FAIL_POST": "30"})
    assert failed(run) == {3: errno.ENOMEM}
    assert_others_arrived(run, capture)


@pytest.mark.parametrize(
    ("number", "together"),
    [*((number, 1) for number in (1, 2, 7, 8, 11, 12)), *((number, 2) for number in (1, 2, 8, 11))],
)
def test_only_the_refused_packet_is_missing(
    device: Device, capture: FrameSocket, number: int, together: int
) -> None:
    """Wherever in a batch it is: those before it have gone, without a completion of their own.

    A heap is a batch of seven packets and one of five, so two completions that come together are
    all that there will be. (Packets 7 and 12 are those that ask for them.)
    """
    run = send(
        device,
        {"SOFTVERBS_FAIL_POST": str(number), "SOFTVERBS_COMPLETE_TOGETHER": str(together)},
    )
    assert failed(run) == {1: errno.ENOMEM}
    heaps = collect(frame[42:] for frame in capture.read())
    assert heaps[1].packets == 11
    assert heaps[1].received < SIZE
    assert all(heaps[cnt].packets == 12 for cnt in range(2, HEAPS + 1))
    totals = run.event("destroy_qp")
    assert totals["outstanding"] == 0
    # One completion a batch says all, unless none can come since the very last packet was refused:
    # then the queue is stopped to learn what has gone.
    states = [event["state"] for event in run.all_events("modify_qp")]
    assert states == [INIT, RTR, RTS, *([ERR, RESET, INIT, RTR, RTS] if number == 12 else [])]
    assert len(run.all_events("create_qp")) == 1
    if number != 12:
        assert totals["sends"] == 12 * HEAPS - 1, "a packet was posted again"
    assert "completed nothing" not in run.log


def test_refused_packet_costs_other_heaps_of_its_batch_nothing(
    device: Device, capture: FrameSocket
) -> None:
    run = device.run(
        "send_asynchronously",
        {"SOFTVERBS_FAIL_POST": "5"},
        config={"max_packet_size": 1472, "max_heaps": HEAPS},
        heaps=HEAPS,
        size=1000,
    )
    run.result = run.result["results"]
    assert failed(run) == {5: errno.ENOMEM}
    heaps = collect(frame[42:] for frame in capture.read())
    assert sorted(heaps) == [cnt for cnt in range(1, HEAPS + 1) if cnt != 5]
    assert all(heap.packets == 1 for heap in heaps.values())


def test_packets_before_a_refused_one_are_sent_once_by_a_slow_device(
    device: Device, capture: FrameSocket
) -> None:
    """The queue is stopped to learn which have gone; the others are posted again."""
    run = device.run(
        "send",
        {"SOFTVERBS_FAIL_POST": "7", "SOFTVERBS_PACING": "1:1000000"},
        config={**CONFIG, "rate": 2e6, "rate_method": "HW"},
        sizes=[[60000], [1000]],
    )
    assert failed(run) == {1: errno.ENOMEM}
    heaps = collect(frame[42:] for frame in capture.read())
    assert (heaps[1].packets, heaps[2].packets) == (6, 1)
    assert run.event("destroy_qp")["sends"] > 8


def test_completion_queue_that_fills_up(device: Device, capture: FrameSocket) -> None:
    run = send(device, {"SOFTVERBS_CQ_OVERRUN": "4"})
    assert set(failed(run).values()) == {errno.EIO}
    assert len(failed(run)) == 1
    assert_others_arrived(run, capture)
    assert "completion queue" in run.log


def test_event_that_never_comes(device: Device, capture: FrameSocket) -> None:
    # Paced by the device, so slow that polling a few times never suffices.
    run = device.run(
        "send",
        {"SOFTVERBS_LOSE_EVENTS": "1", "SOFTVERBS_PACING": "1:1000000"},
        config={**CONFIG, "rate": 20e6, "rate_method": "HW"},
        sizes=[[SIZE]] * HEAPS,
    )
    assert failed(run) == {}
    assert_others_arrived(run, capture)
    assert "interrupt does not come" in run.log
    assert run.event("destroy_cq")["events"] == 0


def test_completion_that_never_comes(device: Device, capture: FrameSocket) -> None:
    # One packet a heap: no later completion can stand for the lost one.
    run = device.run("send", {"SOFTVERBS_LOSE_COMPLETION": "3"}, sizes=[[1000]] * 5)
    assert failed(run) == {3: errno.ETIMEDOUT}
    assert len(capture.read()) == 5


def test_completion_is_made_up_for_by_the_next(device: Device, capture: FrameSocket) -> None:
    run = device.run(
        "send_asynchronously",
        {"SOFTVERBS_LOSE_COMPLETION": "3"},
        config={**CONFIG, "max_heaps": HEAPS},
        heaps=HEAPS,
        size=SIZE,
    )
    run.result = run.result["results"]
    assert failed(run) == {}
    assert_others_arrived(run, capture)


def test_device_that_does_not_restart_is_opened_anew(device: Device, capture: FrameSocket) -> None:
    # Calls 1 to 3 start the queue, call 4 would reset it.
    run = send(device, {"SOFTVERBS_FAIL_WR": "30", "SOFTVERBS_FAIL_MODIFY": "4"})
    assert failed(run) == {3: errno.EIO}
    assert_others_arrived(run, capture)
    assert len(run.all_events("create_qp")) == 2


def test_packets_longer_than_the_mtu(device: Device, capture: FrameSocket) -> None:
    run = device.run("send", config={"max_packet_size": 10000}, sizes=[[20000], [1000]])
    assert run.result[0]["errno"] == errno.EMSGSIZE
    assert "at most 9172 bytes" in run.result[0]["text"]
    assert "sent" in run.result[1]
    assert "MTU" in run.log
    heaps = collect(frame[42:] for frame in capture.read())
    assert heaps[2].is_complete


@pytest.mark.parametrize(
    ("settings", "slots"),
    [
        ({"SOFTVERBS_MAX_QP_WR": "5"}, 5),
        ({"SOFTVERBS_MAX_QP_WR": "1"}, 1),
        ({"SOFTVERBS_MAX_CQE": "3"}, 3),
        ({"SOFTVERBS_GRANTED_QP_WR": "20"}, 14),
    ],
)
def test_device_with_few_slots(
    device: Device, capture: FrameSocket, settings: dict[str, str], slots: int
) -> None:
    run = send(device, settings)
    assert failed(run) == {}
    assert_others_arrived(run, capture)
    assert run.event("create_qp")["max_send_wr"] == slots
    assert "WARNING spead2" in run.log
    assert f"only {slots} " in run.log


def test_failure_on_a_device_with_one_slot(device: Device, capture: FrameSocket) -> None:
    run = send(device, {"SOFTVERBS_MAX_QP_WR": "1", "SOFTVERBS_FAIL_WR": "30"})
    assert failed(run) == {3: errno.EIO}
    assert_others_arrived(run, capture)


def test_device_without_checksum_offload_or_extended_query(
    device: Device, capture: FrameSocket
) -> None:
    run = send(device, {"SOFTVERBS_IP_CSUM": "0", "SOFTVERBS_QUERY_EX": "0"})
    assert failed(run) == {}
    assert_others_arrived(run, capture)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"SOFTVERBS_MAX_MR_BYTES": "49999"}, "memory region of 50000 bytes"),
        ({"SOFTVERBS_MAX_MR": "1"}, "packet buffer"),
    ],
)
def test_refused_memory_registration(device: Device, settings: dict[str, str], what: str) -> None:
    run = device.run("construct", settings, region_size=50000)
    assert run.result["errno"] == errno.ENOMEM
    assert what in run.result["text"]
    assert "ulimit -l" in run.result["text"]


@pytest.mark.parametrize("number", [1, 30])
def test_device_that_is_gone(device: Device, capture: FrameSocket, number: int) -> None:
    """What it had fails when it has said nothing for long, everything after that at once."""
    run = send(device, {"SOFTVERBS_GONE": str(number)})
    first = (number - 1) // 12 + 1
    errors = failed(run)
    assert sorted(errors) == list(range(first, HEAPS + 1))
    assert errors[first] in (errno.ETIMEDOUT, errno.EIO)  # EIO: its last packets were refused
    assert {errors[cnt] for cnt in range(first + 1, HEAPS + 1)} == {errno.EIO}
    heaps = collect(frame[42:] for frame in capture.read())
    assert all(heaps[cnt].packets == 12 for cnt in range(1, first))
    assert run.log.count("the device does not recover") == 1
    assert {event["length"] for event in run.all_events("dereg_mr")} == {
        event["length"] for event in run.all_events("reg_mr")
    }


def test_more_regions_than_the_device_takes(device: Device) -> None:
    run = device.run("construct", {"SOFTVERBS_MAX_MR": "0"}, region_size=1)
    assert run.result["errno"] == errno.ENOMEM
    assert "memory region of 1 bytes" in run.result["text"]


@pytest.mark.parametrize("call", [1, 2, 3])
def test_queue_that_does_not_start(device: Device, call: int) -> None:
    run = device.run("construct", {"SOFTVERBS_FAIL_MODIFY": str(call)})
    assert run.result["errno"] == errno.EIO
    assert "ibv_modify_qp failed" in run.result["text"]
    assert len(run.all_events("destroy_qp")) == len(run.all_events("destroy_cq")) == 1


def test_no_capability(device: Device) -> None:
    arguments = {
        "config": {},
        "ibv": {"endpoints": [["239.1.2.3", 1]], "interface_address": SENDER_ADDRESS},
    }
    program = [sys.executable, str(pathlib.Path(ibv_sender.__file__)), "construct"]
    run = device.command(
        ["setpriv", "--bounding-set=-net_raw", *program, json.dumps(arguments)], {}
    )
    outcome = json.loads(run.result)
    assert outcome["errno"] == errno.EPERM
    assert "CAP_NET_RAW" in outcome["text"]


def test_address_that_no_device_owns(device: Device) -> None:
    run = device.run("construct", {"SOFTVERBS_INTERFACES": "lo"})
    assert run.result["errno"] == errno.ENODEV
    run = device.run("construct", ibv={"interface_address": "10.99.0.77"})
    assert run.result["errno"] == errno.EADDRNOTAVAIL
    assert "10.99.0.77" in run.result["text"]


def test_stream_that_goes_while_the_device_hangs(
    device: Device, capture: FrameSocket, tmp_path: pathlib.Path
) -> None:
    run = device.run(
        "destroy_while_busy",
        {"SOFTVERBS_HOLD": str(tmp_path / "hold")},
        config={**CONFIG, "max_heaps": 10},
        heaps=10,
        size=SIZE,
    )
    # The stream tries for five seconds, and the device is given up after as long.
    errors = [result.get("errno") for result in run.result["results"]]
    assert set(errors) <= {errno.ECANCELED, errno.ETIMEDOUT}
    assert run.result["seconds"] < 20
    assert capture.read() == []
    assert sum(event["outstanding"] for event in run.all_events("destroy_qp")) > 0
    assert {event["length"] for event in run.all_events("dereg_mr")} == {
        event["length"] for event in run.all_events("reg_mr")
    }
