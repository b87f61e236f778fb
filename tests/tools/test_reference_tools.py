# SPDX-License-Identifier: Apache-2.0
"""The commands with the reference's names do what the reference's do, and work with them."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from commands import OURS, REFERENCE, Collector, free_port, run
from processes import wait_until_bound

DATA = ["--heap-size", "8000", "--items", "3", "--dtype", "<u2", "--heaps", "5"]


def bytes_of(folder: Any, *options: str) -> tuple[bytes, str]:
    """Return what spead2_send.py of a folder sends by TCP, and its output."""
    collector = Collector()
    done = run(
        "spead2_send.py", f"127.0.0.1:{collector.port}", "--tcp", *DATA, *options, folder=folder
    )
    return collector.result(), done.stdout


@pytest.mark.parametrize(
    "options",
    [[], ["--pyspead"], ["--addr-bits", "48"], ["--descriptors", "2"], ["--packet", "9000"]],
    ids=" ".join,
)
def test_the_same_options_send_the_same_bytes(options: list[str]) -> None:
    ours, our_output = bytes_of(OURS, *options)
    theirs, their_output = bytes_of(REFERENCE, *options)
    assert ours == theirs
    form = r"Sent (\d+) bytes in \d+\.\d{6}s, \d+\.\d{6} Gb/s\n"
    found = [re.fullmatch(form, output) for output in (our_output, their_output)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_reference_receives_what_ours_sends(kind: str) -> None:
    port = free_port()
    tcp = ["--tcp"] if kind == "tcp" else []
    words = [REFERENCE / "spead2_recv.py", f"127.0.0.1:{port}", "--values", "--descriptors", *tcp]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as receiver:
        wait_until_bound(port, kind, receiver)
        run("spead2_send.py", f"127.0.0.1:{port}", *DATA, "--rate", "0.1", *tcp)
        output, errors = receiver.communicate()
    assert receiver.returncode == 0, errors
    assert output.count("Received heap") == 5
    assert f"Shutting down stream 127.0.0.1:{port} after 5 heaps" in output
    assert "Descriptor for Test item 2 (0x1002)" in output
    assert "description: A test item with arbitrary value" in output


def test_options_may_be_abbreviated_as_scripts_do() -> None:
    collector = Collector()
    run("spead2_send.py", f"127.0.0.1:{collector.port}", "--tcp", "--heaps", "1", "--heap-s", "64")
    assert collector.result()


def test_wrong_options_end_with_code_2() -> None:
    for options in (["--tcp", "--ibv"], ["--ibv"], ["x"], ["127.0.0.1:1", "--rate-method", "x"]):
        run("spead2_send.py", *options, code=2)
