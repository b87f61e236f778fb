# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs with a window: what they say of heaps at their end; 1 is the status after an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest
from gnuradio_fixtures import ROOT
from test_observation import unused_port

import spead2
import spead2.send

pytestmark = pytest.mark.timeout(120)


class Program:
    """A program of apps/, without a display."""

    def __init__(self, home: Path, name: str, *options: str) -> None:
        self._process = subprocess.Popen(
            [str(ROOT / "apps" / "run"), name, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **os.environ,
                "SPEAD2_GNURADIO_PYTHON": sys.executable,
                "QT_QPA_PLATFORM": "offscreen",
                "HOME": str(home),
            },
        )
        self.printed = ""

    def wait_until_it_runs(self) -> None:
        """Wait until it takes signals: its window is there, and the flowgraph runs."""
        status = Path(f"/proc/{self._process.pid}/status")
        while self._process.poll() is None:
            caught = next(s for s in status.read_text().splitlines() if s.startswith("SigCgt"))
            if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
                return
            time.sleep(0.01)
        raise AssertionError(self._process.communicate()[0])

    def wait_for(self, text: str) -> None:
        """Read what it prints, up to a line with a text."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.printed += line
            if text in line:
                return
        raise AssertionError(f"{text!r} was not printed, but: {self.printed}")

    def close(self) -> int:
        """Close it; return its status."""
        while True:
            self._process.send_signal(signal.SIGTERM)
            # (GNU Radio's programs miss a signal that comes just before they handle events.)
            with suppress(subprocess.TimeoutExpired):
                self.printed += self._process.communicate(timeout=2)[0]
                return self._process.returncode

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start a program."""
    with ExitStack() as stack:

        def run(name: str, *options: str) -> Program:
            program = Program(tmp_path, name, *options)
            stack.callback(program.kill)
            program.wait_until_it_runs()
            return program

        yield run


def send_a_heap(port: int, dtype: str) -> None:
    """Send an item "spectrum", of a thousand channels."""
    group = spead2.send.ItemGroup()
    group.add_item(0x1000, "spectrum", "", shape=(1, 1024), dtype=dtype)
    group["spectrum"].value = np.zeros((1, 1024), dtype)
    stream = spead2.send.UdpStream(spead2.ThreadPool(), [("127.0.0.1", port)])
    stream.send_heap(group.get_heap())


def test_an_observer_of_heaps_that_it_cannot_show(start: Callable[..., Program]) -> None:
    port = unused_port()
    observer = start("observer", "--port", str(port))
    send_a_heap(port, "int16")
    observer.wait_for("item 'spectrum' (0x1000) is described as int16")
    assert observer.close() == 1, observer.printed
    assert "0 heaps received, 0 lost, 1 bad\n" in observer.printed
    assert "Traceback" not in observer.printed


def test_an_observer_that_saw_nothing_bad(start: Callable[..., Program]) -> None:
    observer = start("observer", "--port", str(unused_port()))
    assert observer.close() == 0, observer.printed
    assert "0 heaps received, 0 lost, 0 bad\n" in observer.printed


def test_an_observation_that_cannot_send(start: Callable[..., Program]) -> None:
    """Nobody may send to everybody."""
    options = ["--host", "255.255.255.255", "--port", str(unused_port())]
    observation = start("observation", *options)
    observation.wait_for("a heap could not be sent")
    assert observation.close() == 1, observation.printed
    assert "0 heaps sent, " in observation.printed
    assert "Traceback" not in observation.printed
