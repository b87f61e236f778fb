# SPDX-License-Identifier: Apache-2.0
"""Builds and runs stream_stress.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = [
    *sorted(ROOT.glob("lib/base/*.cc")),
    *sorted(ROOT.glob("lib/wire/*.cc")),
    *sorted(ROOT.glob("lib/send/*.cc")),
]

# Compiling twice with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_send_floor_holds_under_stress(sanitizer: str, tmp_path: pathlib.Path) -> None:
    program = tmp_path / "stream_stress"
    subprocess.run(
        [
            os.environ.get("CXX", "g++"),
            "-std=c++20",
            "-g",
            "-O1",
            f"-fsanitize={sanitizer}",
            "-fno-sanitize-recover=all",
            f"-I{ROOT / 'include'}",
            str(pathlib.Path(__file__).with_name("stream_stress.cc")),
            *map(str, SOURCES),
            "-o",
            str(program),
            "-pthread",
        ],
        check=True,
    )
    result = subprocess.run([program], capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stdout, result.stderr) == (0, "all held\n", "")
