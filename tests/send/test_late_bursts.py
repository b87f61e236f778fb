# SPDX-License-Identifier: Apache-2.0
"""Builds late_bursts.cc against the installed engine and runs it. What it does is said there."""

from __future__ import annotations

import pathlib
import sys

import pytest
from programs import check_program

PROGRAM = pathlib.Path(__file__).with_name("late_bursts.cc")

pytestmark = [pytest.mark.cxx, pytest.mark.timeout(600)]


def test_rate_and_windows_hold_though_bursts_are_late(tmp_path: pathlib.Path) -> None:
    library = next(pathlib.Path(sys.prefix).glob("lib*/libspead2.so"))
    check_program(PROGRAM, tmp_path, ["-O2", str(library), f"-Wl,-rpath,{library.parent}"])
