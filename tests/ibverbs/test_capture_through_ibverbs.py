# SPDX-License-Identifier: Apache-2.0
"""``spead2 capture --ibv`` on the software device: frames as they came."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ibverbs_fixtures import GROUP, Device
from receiving_program import Receiver, one, payload
from veth_network import RECEIVER_ADDRESS, SENDER_ADDRESS, in_namespace

import spead2
import spead2.recv

COMMAND = "import sys; from spead2.tools.cli import main; sys.exit(main())"


class Capture:
    """The program, and a socket that sends to what it captures."""

    def __init__(self, device: Device, file: pathlib.Path, *options: str, **settings: str) -> None:
        self.port = device.network.unused_port()
        device.runs += 1
        self._log = device.directory / f"device{device.runs}.jsonl"
        words = [str(file), f"{GROUP}:{self.port}", "--ibv", "--interface", SENDER_ADDRESS]
        command = [sys.executable, "-E", "-c", COMMAND, "capture", *words, "--json", *options]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SOFTVERBS_")}
        environment.update(settings)
        environment["LD_LIBRARY_PATH"] = str(device.libraries)
        environment["SOFTVERBS_LOG"] = str(self._log)
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", device.network.sender, *command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.socket = in_namespace(device.network.receiver, Receiver._make_socket)

    def wait_for(self, event: str, times: int = 1) -> None:
        """Wait until the device says that something has happened."""
        while not self._log.exists() or self._log.read_text().count(f'"{event}"') < times:
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.002)

    def send(self, *packets: bytes, port: int = 0) -> None:
        for packet in packets:
            self.socket.sendto(packet, (GROUP, port or self.port))

    def finish(self) -> tuple[dict[str, Any], str]:
        """Wait for its end; return what it says, and its messages."""
        output, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, output + errors
        result = json.loads(output)
        assert isinstance(result, dict)
        return result, errors

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.socket.close()


@pytest.fixture
def captures(device: Device) -> Iterator[Any]:
    made: list[Capture] = []

    def start(file: pathlib.Path, *options: str, **settings: str) -> Capture:
        made.append(Capture(device, file, *options, **settings))
        made[-1].wait_for("create_flow")
        return made[-1]

    yield start
    for capture in made:
        capture.close()


def heaps_of(file: pathlib.Path, wanted: str) -> list[tuple[int, bytes]]:
    """Return cnt and value of the heaps in those packets of a capture that are wanted."""
    stream = spead2.recv.Stream(
        spead2.ThreadPool(),
        spead2.recv.StreamConfig(stop_on_stop_item=False),
        spead2.recv.RingStreamConfig(heaps=1000),
    )
    stream.add_udp_pcap_file_reader(str(file), wanted)
    return [(heap.cnt, bytes(heap.get_items()[0])) for heap in stream]


def test_frames_are_captured_as_they_came(captures: Any, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "frames.pcap"
    capture = captures(file, "--packets", "100")
    before = time.time()
    capture.send(one(7000), port=capture.port + 1)  # somebody else's
    capture.send(*(one(cnt, 10 * cnt) for cnt in range(1, 120)))
    result, errors = capture.finish()
    after = time.time()
    assert errors == ""
    assert result["datagrams"] == 100
    assert result["bytes"] == sum(len(one(cnt, 10 * cnt)) for cnt in range(1, 101))
    wanted = f"src host {RECEIVER_ADDRESS} and dst host {GROUP} and udp dst port {capture.port}"
    expected = [(cnt, payload(cnt, 10 * cnt)) for cnt in range(1, 101)]
    assert heaps_of(file, wanted) == expected
    assert heaps_of(file, f"not ({wanted})") == []
    first = file.read_bytes()[24:40]
    seconds, parts = (int.from_bytes(first[i : i + 4], sys.byteorder) for i in (0, 4))
    assert before <= seconds + parts * 1e-9 <= after


def test_it_goes_on_with_a_new_queue_and_ends_when_asked_to(
    captures: Any, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "frames.pcap"
    capture = captures(file, SOFTVERBS_FAIL_RECEIVE="20")
    capture.send(*(one(cnt) for cnt in range(1, 60)))
    capture.wait_for("create_flow", 2)
    capture.send(*(one(cnt) for cnt in range(100, 130)))
    while file.stat().st_size < 24 + 49 * (16 + 42 + len(one(1))):
        assert capture.process.poll() is None
        time.sleep(0.002)
    capture.process.send_signal(signal.SIGINT)
    result, errors = capture.finish()
    got = heaps_of(file, "")
    assert result["datagrams"] == len(got)
    assert [cnt for cnt, _ in got][:19] == list(range(1, 20))
    assert [cnt for cnt, _ in got][-30:] == list(range(100, 130))
    assert "capturing goes on with a new queue" in errors


def test_what_is_missing_is_told(device: Device, tmp_path: pathlib.Path) -> None:
    file = str(tmp_path / "frames.pcap")
    words = ["capture", file, f"{GROUP}:8888", "--ibv"]
    for more, wanted, status in (
        ([], "give the interface to receive at", 2),
        (["--interface", "192.0.2.77"], "192.0.2.77", 4),
    ):
        program = [sys.executable, "-E", "-c", COMMAND, *words, *more]
        done = subprocess.run(
            ["ip", "netns", "exec", device.network.sender, *program],
            env={**os.environ, "LD_LIBRARY_PATH": str(device.libraries)},
            capture_output=True,
            text=True,
        )
        assert wanted in done.stderr
        assert done.returncode == status, done.stderr
        assert not os.path.exists(file)
