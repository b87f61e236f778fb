# SPDX-License-Identifier: Apache-2.0
"""The example of a correlator's input: what it sends comes, and what it loses is what it says."""

from __future__ import annotations

import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest

PROGRAM = pathlib.Path(__file__).parents[2] / "apps" / "correlator_input" / "correlator_input.py"


@pytest.mark.parametrize("streams", [1, 3])
def test_what_is_lost_is_counted(streams: int, tmp_path: pathlib.Path) -> None:
    figure = tmp_path / "lost.png"
    command = [sys.executable, str(PROGRAM), "--json", "--streams", str(streams)]
    command += ["--antennas", "6", "--chunks", "10", "--loss", "0.1", "--rate", "4e6"]
    drawn = importlib.util.find_spec("matplotlib") is not None
    if drawn:
        command += ["--figure", str(figure)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["rejected"] == streams  # the heaps that end them, which are of no antenna
    assert result["heaps"] + result["lost"] == 6 * 10 * 8
    assert result["lost_on_purpose"] > 10
    # Others may be lost by the kernel, or come too late, where there is little time.
    assert result["lost"] >= result["lost_on_purpose"] + result["too_old"]
    assert result["heaps"] > 200
    assert 0.4 < result["mean_correlation"] < 0.6
    if drawn:
        assert figure.read_bytes().startswith(b"\x89PNG")
