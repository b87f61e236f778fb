# SPDX-License-Identifier: Apache-2.0
"""The array of digitisers, as mpirun starts it."""

from __future__ import annotations

import pathlib
import shutil
import socket
import subprocess
import sys

import decoder
import numpy as np
import pytest
from environment import environment

PROGRAM = pathlib.Path(__file__).parents[2] / "apps" / "digitiser_array" / "digitiser_array.py"
RANKS, HEAPS, SAMPLES = 3, 4, 5000

pytestmark = pytest.mark.skipif(
    shutil.which("mpirun") is None, reason="there is no program mpirun (openmpi-bin)"
)


def run(port: int, *options: str) -> list[list[str]]:
    """Run the array; return the words of the lines of its table."""
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(RANKS), sys.executable]
    command += [str(PROGRAM), "127.0.0.1", str(port), "--heaps", str(HEAPS)]
    command += ["--samples", str(SAMPLES), *options]
    said = subprocess.run(command, check=True, env=environment(), capture_output=True, text=True)
    return [line.split() for line in said.stdout.splitlines()]


def received(receiver: socket.socket) -> list[decoder.Packet]:
    """What is in a socket's buffer, now that all is sent."""
    receiver.setblocking(False)
    packets = []
    while True:
        try:
            packets.append(decoder.parse(receiver.recv(9000)))
        except BlockingIOError:
            return packets


def bind(port: int = 0) -> socket.socket:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    receiver.bind(("127.0.0.1", port))
    return receiver


def test_all_antennas_send_one_heap() -> None:
    with bind() as receiver:
        table = run(receiver.getsockname()[1], "--collective")
        packets = received(receiver)
    data = [p for p in packets if p.cnt not in (1, HEAPS + 2)]
    assert {p.cnt for p in data} == set(range(2, HEAPS + 2))
    for cnt in range(2, HEAPS + 2):
        parts = sorted((p for p in data if p.cnt == cnt), key=lambda p: p.offset)
        payload = b"".join(p.payload for p in parts)
        assert len(payload) == parts[0].heap_length
        (at,) = (q.value for p in parts for q in p.pointers if q.id == 0x1001)
        voltages = np.frombuffer(payload[at:][: RANKS * SAMPLES], np.int8).reshape(RANKS, SAMPLES)
        # A tone of one amplitude from each, and noise of another kind from each.
        assert all(30 < row.std() < 45 for row in voltages)
        assert not np.array_equal(voltages[0], voltages[1])
    sizes = sum(p.size for p in packets)
    assert [row[0] for row in table] == ["antenna", "0", "1", "2", "all"]
    assert int(table[-1][1]) == sizes == sum(int(row[3]) for row in table[1:-1])


def test_each_antenna_sends_to_its_own_ports() -> None:
    receivers = consecutive(RANKS * 2)
    try:
        run(receivers[0].getsockname()[1], "--substreams", "2")
        heaps = [decoder.assemble_all(received(r)) for r in receivers]
    finally:
        for r in receivers:
            r.close()
    cnts = []
    for i, found in enumerate(heaps):
        *values, end = found
        assert end.controls == [2]
        assert [heap.raw(0x1002).number for heap in values] == [i // 2] * (HEAPS // 2)
        assert all(len(heap.raw(0x1001).data) == SAMPLES for heap in values)
        cnts += [heap.cnt for heap in found]
    assert sorted(cnts) == list(range(RANKS * (HEAPS + 2)))


def consecutive(count: int) -> list[socket.socket]:
    """Sockets of consecutive ports, the first of which the kernel chooses."""
    while True:
        receivers = [bind()]
        try:
            for i in range(1, count):
                receivers.append(bind(receivers[0].getsockname()[1] + i))
            return receivers
        except (OSError, OverflowError):
            for receiver in receivers:
                receiver.close()
