# SPDX-License-Identifier: Apache-2.0
"""A peer that is silent, and GNU Radio's streams in front of it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from namespaces import Link
from processes import wait_until_connecting

PROGRAM = """
import sys
from gnuradio import spead2
try:
    print("connecting", flush=True)
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
        # Once, when it is in the call: another might come while the program ends.
        wait_until_connecting(process, 7148)
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted\n"
