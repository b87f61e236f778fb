# SPDX-License-Identifier: Apache-2.0
"""Tries installed packages: sends a heap to a socket, and compiles flowgraphs as Companion does."""

from __future__ import annotations

import importlib.metadata
import socket
import subprocess
import sys
import tempfile

import numpy as np
from gnuradio import gr
from gnuradio import spead2 as gr_spead2
from gnuradio.grc.core.platform import Platform

import spead2
import spead2.send


def main() -> None:
    """Try it."""
    assert importlib.metadata.version("gr-spead2") == spead2.__version__
    assert spead2.__file__ == "/usr/lib/python3/dist-packages/spead2/__init__.py"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        stream = spead2.send.UdpStream(spead2.ThreadPool(), [receiver.getsockname()])
        group = spead2.send.ItemGroup()
        group.add_item(0x1000, "x", "Numbers", (100,), np.int16, value=np.arange(100))
        size = stream.send_heap(group.get_heap())
        assert len(receiver.recv(65536)) == size
        print(f"sent a heap of {size} bytes")
    assert gr_spead2.heap_sink
    version = (gr.major_version(), gr.api_version(), gr.minor_version())
    platform = Platform(version=gr.version(), version_parts=version, prefs=gr.prefs())
    platform.build_library()
    found = [key for key, block in platform.blocks.items() if block.category == ["SPEAD"]]
    assert len(found) == 6, found
    print(f"GNU Radio {gr.version()} has {', '.join(sorted(found))}")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["grcc", "-o", folder, *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
    print(f"compiled {len(sys.argv) - 1} flowgraphs")


if __name__ == "__main__":
    main()
