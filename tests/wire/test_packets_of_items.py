# SPDX-License-Identifier: Apache-2.0
"""Builds and runs packets_of_items.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = [*sorted(ROOT.glob("lib/base/*.cc")), *sorted(ROOT.glob("lib/wire/*.cc"))]

# Compiling with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(600)]


def test_packets_take_their_room_and_no_more(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "packets_of_items"
    subprocess.run(
        [
            os.environ.get("CXX", "g++"),
            "-std=c++20",
            "-g",
            "-O1",
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
            f"-I{ROOT / 'include'}",
            str(pathlib.Path(__file__).with_name("packets_of_items.cc")),
            *map(str, SOURCES),
            "-o",
            str(program),
        ],
        check=True,
    )
    result = subprocess.run([program], capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stdout, result.stderr) == (0, "all held\n", "")
