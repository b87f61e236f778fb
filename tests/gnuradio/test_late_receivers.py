# SPDX-License-Identifier: GPL-3.0-or-later
"""A receiver that starts after a program of apps/ decodes what it sends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest
from gnuradio_fixtures import ROOT

import spead2
import spead2.recv


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("digitiser_simulator", {"pol_h", "pol_v", "timestamp"}),
        ("spectrometer", {"spectrum", "timestamp"}),
        ("pdu_bursts", {"burst", "timestamp"}),
    ],
)
def test_a_receiver_that_starts_late_decodes(name: str, items: set[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as early:
        early.bind(("127.0.0.1", 0))
        early.settimeout(60)
        port = early.getsockname()[1]
        program = subprocess.Popen(
            [str(ROOT / "apps" / "run"), name, "--port", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "SPEAD2_GNURADIO_PYTHON": sys.executable},
        )
        with program:
            try:
                for _ in range(200):  # the descriptors are among the first few
                    early.recv(65536)
                early.close()
                stream = spead2.recv.Stream(spead2.ThreadPool())
                stream.add_udp_reader(port, bind_hostname="127.0.0.1")
                group = spead2.ItemGroup()
                while not group.update(stream.get()):
                    pass
                assert {*group} == items
                assert group["timestamp"].value > 0
            finally:
                program.send_signal(signal.SIGKILL)
