# SPDX-License-Identifier: Apache-2.0
"""Programs in processes of their own, for what a test cannot do to the one that it runs in."""

from __future__ import annotations

import subprocess
import sys
import textwrap

PREAMBLE = """
import asyncio, gc, os, signal, socket, sys, threading, time
import numpy as np
import spead2, spead2.send, spead2.send.asyncio
from spead2.send import BytesStream, GroupMode, Heap, StreamConfig, UdpStream

def make_heap(size):
    heap = Heap()
    heap.add_item(
        spead2.Item(0x1000, "x", "", (size,), np.uint8, value=np.zeros(size, np.uint8)))
    return heap

def reader(stamps=False):
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    if stamps:
        sink.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
    sink.bind(("127.0.0.1", 0))
    sink.settimeout(20)
    return sink

pool = spead2.ThreadPool()
"""


def run(script: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a program that begins with the preamble, and return what it did."""
    return subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def check(script: str, expected: str = "", timeout: float = 60) -> None:
    """Run a program, which must say just what is expected."""
    done = run(script, timeout)
    told = (done.returncode, done.stdout.strip(), done.stderr.strip())
    assert told == (0, expected, ""), f"{done.stdout}\n{done.stderr}"
