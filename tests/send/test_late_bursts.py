# SPDX-License-Identifier: Apache-2.0
"""Builds late_bursts.cc against the installed engine and runs it. What it does is said there."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.cxx, pytest.mark.timeout(600)]


def test_rate_and_windows_hold_though_bursts_are_late(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "late_bursts"
    library = next(pathlib.Path(sys.prefix).glob("lib*/libspead2.so"))
    subprocess.run(
        [
            os.environ.get("CXX", "g++"),
            "-std=c++20",
            "-O2",
            f"-I{ROOT / 'include'}",
            str(pathlib.Path(__file__).with_name("late_bursts.cc")),
            str(library),
            f"-Wl,-rpath,{library.parent}",
            "-o",
            str(program),
            "-pthread",
        ],
        check=True,
    )
    result = subprocess.run([program], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout, result.stderr) == (0, "all held\n", "")
