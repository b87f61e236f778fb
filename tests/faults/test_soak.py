# SPDX-License-Identifier: Apache-2.0
"""The commands that send for long, for a short time: they count, and notice what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path) -> tuple[int, str]:
    words = [sys.executable, *map(str, command)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def test_a_short_soak_loses_nothing() -> None:
    status, output = run(ROOT / "script" / "soak", "--duration", "4s", "--rate", "2e7")
    assert status == 0, output
    assert output.endswith("soak: nothing was lost, nothing grew\n")


def test_packets_are_counted() -> None:
    status, output = run(ROOT / "benchmarks" / "billion", "--packets", "100000")
    assert status == 0, output
    assert "received 100,000 packets (11,200,000 bytes)" in output
    assert output.endswith("0 missing, 0 out of order\n")


@pytest.fixture
def soak() -> dict[str, Any]:
    """Return the names of script/soak."""
    names: dict[str, Any] = {"__name__": "soak", "__file__": str(ROOT / "script" / "soak")}
    exec((ROOT / "script" / "soak").read_text(), names)
    return names


@pytest.mark.parametrize("what", ["memory", "descriptors", "threads"])
def test_growth_is_noticed(soak: dict[str, Any], what: str) -> None:
    flat = {"memory": 1 << 26, "descriptors": 9, "threads": 4, "last": False}
    history = [(float(second), dict(flat)) for second in range(100)]
    assert soak["grown"](history, 100.0) == []
    for second, sample in history:
        sample[what] += second * (200_000 if what == "memory" else 1)
    (fault,) = soak["grown"](json.loads(json.dumps(history)), 100.0)
    assert fault.startswith(f"{what} grew from ")
