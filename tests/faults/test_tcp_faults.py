# SPDX-License-Identifier: Apache-2.0
"""A peer that is silent, and GNU Radio's streams in front of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from namespaces import Link

PROGRAM = """
import sys
from gnuradio import spead2
print("connecting", flush=True)
try:
    spead2.tcp((sys.argv[1], 7148))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_sinks_stream_to_a_host_that_does_not_answer_obeys_ctrl_c(link: Link) -> None:
    pytest.importorskip("gnuradio.spead2")
    nobody = "10.77.0.99"
    link.ip("near", *f"neighbour add {nobody} lladdr 02:00:00:00:00:09 dev near0".split())
    with link.at("near"):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, nobody], stdout=subprocess.PIPE, text=True
        )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "connecting\n"
        limit = time.monotonic() + 60
        # Until it is in the call; a signal before that ends it just as well.
        while process.poll() is None and time.monotonic() < limit:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        assert process.stdout.read() == "interrupted\n"
