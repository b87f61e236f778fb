# SPDX-License-Identifier: Apache-2.0
"""Limits of the process, and a process that is stopped: each in a process of its own."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys

import pytest
from faults_fixtures import arrived, make_heap, packets, receiver

HERE = pathlib.Path(__file__).parent
PROLOGUE = f"""
import errno, os, resource, sys
sys.path.insert(0, {str(HERE)!r})
import spead2, spead2.send
from faults_fixtures import make_heap, packets, receiver
"""


def run(program: str) -> str:
    """Run a program; return what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", PROLOGUE + program], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_no_descriptors_left() -> None:
    """A stream cannot be made, which is told as that; those that there are go on."""
    output = run("""
sock = receiver()
stream = spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
taken = []
try:
    while True:
        taken.append(os.dup(0))
except OSError:
    pass
for make in (lambda: spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()]),
             lambda: spead2.ThreadPool()):
    try:
        make()
    except OSError as error:
        print(errno.errorcode[error.errno])
heap = make_heap(10_000)
stream.send_heap(heap, 5)
assert [sock.recv(65536) for _ in packets(heap, 5)] == packets(heap, 5)
for fd in taken:
    os.close(fd)
again = spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()])
again.send_heap(heap, 6)
assert [sock.recv(65536) for _ in packets(heap, 6)] == packets(heap, 6)
""")
    assert output == "EMFILE\nEMFILE\n"


def test_no_threads_left() -> None:
    """A pool cannot be made; streams go on. For root the limit does not hold: as another user."""
    if os.geteuid() != 0:
        pytest.skip("only root can become a user that has no other processes")
    output = run("""
sock = receiver()
stream = spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()])
heap = make_heap(10_000)
os.setresuid(54321, 54321, 54321)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
try:
    spead2.ThreadPool(4)
except OSError as error:
    assert "cannot start a thread" in str(error), error
    print(errno.errorcode[error.errno])
stream.send_heap(heap, 5)
assert [sock.recv(65536) for _ in packets(heap, 5)] == packets(heap, 5)
""")
    assert output == "EAGAIN\n"


def test_no_memory_left() -> None:
    """A heap that cannot be made raises MemoryError; the stream goes on."""
    output = run("""
sock = receiver()
stream = spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()])
heap = make_heap(10_000)
stream.send_heap(heap, 4)
for _ in packets(heap, 4):
    sock.recv(65536)
with open("/proc/self/statm") as f:
    used = int(f.read().split()[0]) * resource.getpagesize()
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
resource.setrlimit(resource.RLIMIT_AS, (used + (32 << 20), hard))
try:
    make_heap(1 << 30)
except MemoryError:
    print("MemoryError")
try:
    spead2.send.UdpStream(spead2.ThreadPool(64), [sock.getsockname()])
except (MemoryError, OSError):
    print("no threads")
stream.send_heap(heap, 5)
assert [sock.recv(65536) for _ in packets(heap, 5)] == packets(heap, 5)
""")
    assert output == "MemoryError\nno threads\n"


def test_a_process_that_is_stopped_and_goes_on() -> None:
    """Nothing is lost of a paced heap that it was in the middle of."""
    size, rate = 500_000, 1e6
    with receiver() as sock:
        program = f"""
heap = make_heap({size})
config = spead2.send.StreamConfig(rate={rate}, burst_size=1472)
stream = spead2.send.UdpStream(spead2.ThreadPool(), [{sock.getsockname()!r}], config)
stream.send_heap(heap, 1)
"""
        process = subprocess.Popen([sys.executable, "-c", PROLOGUE + program])
        got = [sock.recv(65536) for _ in range(20)]
        process.send_signal(signal.SIGSTOP)
        while pathlib.Path(f"/proc/{process.pid}/stat").read_text().split(")")[1].split()[0] != "T":
            pass
        got += arrived(sock)
        assert len(got) < len(packets(make_heap(size), 1))
        process.send_signal(signal.SIGCONT)
        assert process.wait(60) == 0
        got += arrived(sock)
    assert got == packets(make_heap(size), 1)
