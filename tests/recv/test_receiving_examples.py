# SPDX-License-Identifier: Apache-2.0
"""The C++ examples of the documentation compile against what is installed, and do what they say."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

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


def test_bytes_are_counted(tmp_path: Path) -> None:
    program = build("call_back", tmp_path)
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
            connection.sendall(HEAP * 3)
        assert process.stdout is not None
        assert process.stdout.read() == "12 bytes\n"
        assert process.wait() == 0
