# SPDX-License-Identifier: Apache-2.0
"""Has changed packets received under sanitizers: receive_fuzz.cc says what must hold."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest
from programs import ROOT, sanitized

FOLDER = pathlib.Path(__file__).parent
#: Enough to go through every rule many times; more with the environment's SPEAD2_FUZZ_RUNS.
RUNS = os.environ.get("SPEAD2_FUZZ_RUNS", "50000")

# Compiling with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


def test_changed_packets_do_no_harm(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "receive_fuzz"
    sources = [
        "lib/base/*.cc",
        "lib/wire/*.cc",
        "lib/runtime/*.cc",
        "lib/net/*.cc",
        "lib/recv/**/*.cc",
    ]
    command = [os.environ.get("CXX", "g++"), "-std=c++20", f"-I{ROOT / 'include'}"]
    command += [f"-I{ROOT / 'lib'}", str(FOLDER / "receive_fuzz.cc")]
    command += [*sanitized("address,undefined", *sources), "-o", str(program), "-pthread", "-ldl"]
    subprocess.run(command, check=True)
    corpus = sorted(map(str, (FOLDER / "corpus").iterdir()))
    result = subprocess.run([program, RUNS, "1", *corpus], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "all held\n", "")
