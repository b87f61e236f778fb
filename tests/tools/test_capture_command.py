# SPDX-License-Identifier: Apache-2.0
"""``spead2 capture`` writes what came, so that replaying it sends the same again."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

from commands import OURS, free_port, run
from processes import wait_until_bound


def test_what_is_captured_can_be_replayed(tmp_path: Path) -> None:
    port = free_port()
    file = tmp_path / "x.pcap"
    words = [OURS / "spead2", "capture", file, f"127.0.0.1:{port}", "--packets", "5", "--json"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until_bound(port, "udp", process)
        run("spead2", "send", "--pattern", "ramp", "--heap-samples", 64, "--heaps", 4, "--to",
            f"127.0.0.1:{port}")  # fmt: skip
        output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert json.loads(output)["datagrams"] == 5  # four heaps and the stop
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        run("spead2", "send", file, "--fast", "--to", f"127.0.0.1:{receiver.getsockname()[1]}")
        packets = [receiver.recv(65536) for _ in range(5)]
    assert sum(map(len, packets)) == json.loads(output)["bytes"]
    assert {packet[:4] for packet in packets} == {bytes.fromhex("53040305")}


def test_nothing_to_capture_is_told_by_the_exit_code(tmp_path: Path) -> None:
    arguments = [tmp_path / "x.pcap", f"127.0.0.1:{free_port()}", "--seconds", "0.05"]
    assert "Wrote 0 datagrams" in run("spead2", "capture", *arguments, code=3).stdout
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        arguments[1] = f"127.0.0.1:{other.getsockname()[1]}"
        assert "in use" in run("spead2", "capture", *arguments, code=4).stderr
