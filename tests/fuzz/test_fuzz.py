# SPDX-License-Identifier: Apache-2.0
"""Fuzzes for some seconds what script/fuzz fuzzes for as long as one likes."""

from __future__ import annotations

import fuzzing
import pytest

# Compiling with a sanitizer can take long on a slow machine.
pytestmark = [
    pytest.mark.cxx,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(fuzzing.why_not() is not None, reason=str(fuzzing.why_not())),
]
#: Of a second or two each.
RUNS = {"receive": 40_000, "descriptors": 100_000, "send": 10_000, "values": 10_000}


@pytest.mark.parametrize("target", fuzzing.TARGETS)
def test_changed_inputs_do_no_harm(target: str) -> None:
    status, output = fuzzing.fuzz(target, RUNS[target], seconds=0, seed=1)
    assert status == 0, output[-5000:]
    assert f"Done {RUNS[target]} runs" in output


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("kind", ["calls"])
def test_random_calls_do_no_harm(kind: str, threads: int) -> None:
    status, output = fuzzing.call(kind, threads, seconds=60, calls=2000 // threads, seed=threads)
    assert status == 0, output[-5000:]
    assert output.endswith("all held\n")
