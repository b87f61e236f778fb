# SPDX-License-Identifier: Apache-2.0
"""What a heap costs that goes to a chunk, in instructions, alone and in groups of any size.

Counted by callgrind with packets that lie in memory, over all threads; the copy of the payload is
in it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_counts import build, instructions

HEAPS = 2048

#: Instructions a heap of 8 KiB, as counted with GCC 12 at -O3 on x86-64. A change for the better
#: belongs here, too.
COUNTS = {"chunks-8972": 1210, "chunks-1472": 2690}
#: Other compilers make other code.
MARGIN = 1.25

pytestmark = [pytest.mark.cxx, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("chunk_path.cc", tmp_path_factory.mktemp("instructions"))


def per_heap(program: Path, case: str, repetitions: int = 4) -> float:
    counted, output = instructions(program, case, repetitions)
    assert f'"heaps": {2 * repetitions * HEAPS},' in output
    return counted / HEAPS


@pytest.mark.parametrize("case", COUNTS)
def test_heaps_in_chunks_cost_no_more_instructions(program: Path, case: str) -> None:
    counted = per_heap(program, case)
    assert COUNTS[case] / 2 < counted < COUNTS[case] * MARGIN, f"{counted:.0f} instructions a heap"


def test_heaps_cost_the_same_however_many_streams_share_chunks(program: Path) -> None:
    # The least of three: who waits for whom depends a little on when threads wake.
    costs = {
        members: min(per_heap(program, f"group:{members}") for _ in range(3))
        for members in (1, 2, 4, 8)
    }
    assert max(costs.values()) < min(costs.values()) * 1.05, costs
