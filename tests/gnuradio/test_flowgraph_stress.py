# SPDX-License-Identifier: Apache-2.0
"""Builds and runs stress/flowgraph_stress.cc under the sanitizers. What it does is said there.

GNU Radio's own libraries are as Debian built them, without a sanitizer. Engine, blocks and
flowgraphs have it, and the sanitizers see all locking, also that in GNU Radio.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from gnuradio_fixtures import ROOT

SOURCE = Path(__file__).with_name("stress")
#: Reports wholly outside of this project, with the reason why they are none.
SUPPRESSIONS = """
# Monitors of GNU Radio's control port are destroyed when the process exits.
race:apache::thrift::concurrency::Monitor::~Monitor
"""

# Compiling GNU Radio's headers with a sanitizer can take minutes on a busy machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(1800)]


def run(*command: str | Path) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_flowgraphs_hold_under_stress(sanitizer: str, tmp_path: Path) -> None:
    build = ROOT / "build" / f"flowgraph_stress-{sanitizer.partition(',')[0]}"
    options = f"-O1 -g1 -fsanitize={sanitizer} -fno-sanitize-recover=all -fno-omit-frame-pointer"
    launcher = "ccache" if shutil.which("ccache") else ""
    run(
        *("cmake", "-G", "Ninja", "-S", SOURCE, "-B", build, "-DCMAKE_BUILD_TYPE=Debug"),
        f"-DCMAKE_CXX_FLAGS_DEBUG={options}",
        f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}",
    )
    run("cmake", "--build", build)
    suppressions = tmp_path / "suppressions"
    suppressions.write_text(SUPPRESSIONS)
    result = subprocess.run(
        [build / "flowgraph_stress"],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "TSAN_OPTIONS": f"suppressions={suppressions} print_suppressions=0"},
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "all held\n", "")
