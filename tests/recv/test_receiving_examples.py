# SPDX-License-Identifier: Apache-2.0
"""The C++ examples of the documentation compile against what is installed, and do what they say."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import packets
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
#: Heap 1 with one item of four bytes, then the end of the stream.
HEAP = bytes.fromhex(
    "5304030500000005 8000010000000001 8000020000000004 8000030000000000 8000040000000004"
    "0010000000000000 61626364"
)
STOP = bytes.fromhex(
    "5304030500000005 8000010000000002 8000020000000000 8000030000000000 8000040000000000"
    "8000060000000002"
)

pytestmark = pytest.mark.cxx


def build(name: str, folder: Path) -> Path:
    prefix = Path(sys.prefix)
    library = next(prefix.glob("lib*/libspead2.so"))
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-Wall", "-Wextra", "-Werror"]
    command += [f"-I{prefix / 'include'}", str(EXAMPLES / f"{name}.cc"), str(library)]
    command += [f"-Wl,-rpath,{library.parent}", "-pthread", "-o", str(folder / name)]
    subprocess.run(command, check=True)
    return folder / name


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def test_heaps_are_printed(tmp_path: Path) -> None:
    program = build("receive_heaps", tmp_path)
    port = free_port(socket.SOCK_DGRAM)
    with (
        subprocess.Popen(
            [program, "127.0.0.1", str(port)], stdout=subprocess.PIPE, text=True
        ) as process,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        # Until it listens, what is sent is lost.
        sender.connect(("127.0.0.1", port))
        while process.poll() is None:
            try:
                sender.send(HEAP)
                sender.send(STOP)
            except ConnectionRefusedError:
                pass
            time.sleep(0.01)
        assert process.stdout is not None
        assert process.stdout.read().startswith("heap 1\n    item 0x1000: 4 bytes\n")
        assert process.wait() == 0


@contextlib.contextmanager
def connected(program: Path) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """Run a program that listens at the port that it is given."""
    port = free_port(socket.SOCK_STREAM)
    with subprocess.Popen([program, str(port)], stdout=subprocess.PIPE, text=True) as process:
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", port))
                break
            except ConnectionRefusedError:
                assert process.poll() is None
                time.sleep(0.01)
        with connection:
            yield process, connection


def test_bytes_are_counted(tmp_path: Path) -> None:
    with connected(build("call_back", tmp_path)) as (process, connection):
        connection.sendall(HEAP * 3)
        connection.close()
        assert process.stdout is not None
        assert process.stdout.read() == "12 bytes\n"
        assert process.wait() == 0


def test_heaps_lie_in_memory_that_others_see(tmp_path: Path) -> None:
    program = build("shared_memory", tmp_path)
    shared = Path("/dev/shm") / f"spead2-{os.getpid()}"
    port = free_port(socket.SOCK_DGRAM)
    heaps = [packets.whole(cnt, (0x1000, os.urandom(1000 * cnt))) for cnt in (1, 2, 3)]
    with (
        subprocess.Popen(
            [program, shared.name, "127.0.0.1", str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as process,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        sender.connect(("127.0.0.1", port))
        while process.poll() is None:  # until it listens
            try:
                sender.send(heaps[0].encode())
                sender.send(heaps[0].encode())
                break
            except ConnectionRefusedError:
                time.sleep(0.01)
        places = {}
        for heap in heaps:
            sender.send(heap.encode())
        while len(places) < len(heaps):
            line = process.stdout.readline()
            cnt, size, place = map(int, re.findall(r"\d+", line))
            payload = heaps[cnt - 1].payload
            assert size == len(payload)
            with shared.open("rb") as memory:
                memory.seek(place)
                assert memory.read(size) == payload
            places[cnt] = place
            process.stdin.write("\n")
            process.stdin.flush()
        sender.send(packets.whole(4, (packets.STREAM_CTRL, packets.STOP)).encode())
        assert process.wait() == 0
    assert not shared.exists()


def test_samples_are_swapped_on_their_way_to_chunks(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-1000, 1000, (1024, 2048)).astype(">i2")
    with connected(build("scattered_chunks", tmp_path)) as (process, connection):
        for time_, values in enumerate(samples):
            heap = packets.whole(time_ + 1, (0x4300, values.tobytes()), (0x1600, time_))
            for packet in packets.cut(heap, 1001, 2002):  # within a sample, and between two
                connection.sendall(packet.encode())
        connection.close()
        assert process.stdout is not None
        sums = samples.astype(int).reshape(2, -1).sum(axis=1)
        assert process.stdout.read() == "".join(f"chunk {i}: {s}\n" for i, s in enumerate(sums))
        assert process.wait() == 0
