# SPDX-License-Identifier: Apache-2.0
"""Builds and runs stress/flowgraph_stress.cc under the sanitizers. What it does is said there.

GNU Radio's own libraries are as Debian built them, without a sanitizer. Engine, blocks and
flowgraphs have it, and the sanitizers see all locking, also that in GNU Radio.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import programs
import pytest

#: Reports wholly outside of this project, with the reason why they are none.
SUPPRESSIONS = """
# Monitors of GNU Radio's control port are destroyed when the process exits.
race:apache::thrift::concurrency::Monitor::~Monitor
"""

# Compiling GNU Radio's headers with a sanitizer can take minutes on a busy machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("sanitizers", [programs.THREAD, programs.ADDRESS])
def test_flowgraphs_hold_under_stress(sanitizers: str, tmp_path: Path) -> None:
    program = programs.build_sanitized("flowgraph_stress", sanitizers)
    suppressions = tmp_path / "suppressions"
    suppressions.write_text(SUPPRESSIONS)
    result = subprocess.run(
        [program],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "TSAN_OPTIONS": f"suppressions={suppressions} print_suppressions=0"},
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "all held\n", "")
