# SPDX-License-Identifier: Apache-2.0
"""Ranks of MPI on hosts of their own send heaps together, and a receiver puts them together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import collective
import pytest

import spead2.send.mpi as mpi

RECEIVERS = [pytest.param(False, id="reference"), pytest.param(True, id="ours")]


@pytest.mark.parametrize("ours", RECEIVERS)
@pytest.mark.parametrize("ranks", [2, 4, 8])
@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
@pytest.mark.parametrize(
    ("pointers", "ibverbs"),
    [
        pytest.param("first", False, id="udp-first"),
        pytest.param("every", False, id="udp-every"),
        pytest.param("first", True, id="ibverbs-first"),
    ],
)
def test_all_heaps_arrive_whole(
    run_ranks: Callable[..., Any], ranks: int, kind: str, pointers: str, ibverbs: bool, ours: bool
) -> None:
    outcome = run_ranks(
        ranks, ours=ours, ibverbs=ibverbs,
        kind=kind, pointers=pointers, heaps=12, packet_size=1472, rate=0.0,
    )  # fmt: skip
    # The heap that starts the stream has cnt 1, and no items for the receiver to tell.
    heaps = [heap for heap in outcome.heaps if heap["cnt"] != 1 or "heap" in heap]
    assert {heap["cnt"]: heap.get("heap") for heap in heaps} == {i + 2: i for i in range(12)}
    assert all(heap["wrong"] == [] for heap in heaps)
    assert sorted(outcome.ranks) == list(range(ranks))
    assert all(result["sent"] > 0 for result in outcome.ranks.values())


def test_all_start_at_one_time_and_keep_the_rate_together(run_ranks: Callable[..., Any]) -> None:
    outcome = run_ranks(4, kind="blocking", pointers="first", heaps=3, packet_size=8972, rate=5e6)
    assert len({result["agreed"] for result in outcome.ranks.values()}) == 1
    for rank, result in outcome.ranks.items():
        assert result["late"] >= rank * 1e-4
    assert [heap["wrong"] for heap in outcome.heaps if "heap" in heap] == [[]] * 3


def test_independent_heaps_share_the_cnts(run_ranks: Callable[..., Any]) -> None:
    outcome = run_ranks(3, kind="independent", heaps=5, packet_size=1472)
    assert {heap["cnt"]: heap["heap"] for heap in outcome.heaps} == {i: i for i in range(15)}
    assert all(heap["wrong"] == [] for heap in outcome.heaps)


@pytest.mark.parametrize("ours", RECEIVERS)
@pytest.mark.parametrize("on_failure", ["stop", "go on"])
def test_heaps_of_a_killed_rank_lack_its_part_alone(
    run_ranks: Callable[..., Any], on_failure: str, ours: bool
) -> None:
    victim, dies_in = 2, 3
    outcome = run_ranks(
        4,
        "--enable-recovery",
        ours=ours,
        kind="die",
        pointers="first",
        victim=victim,
        dies_in=dies_in,
        heaps=6,
        packet_size=1472,
        timeout=3.0,
        on_failure=on_failure,
    )
    assert sorted(outcome.ranks) == [0, 1, 3]
    for result in outcome.ranks.values():
        assert result["gone"] == [victim]
        assert result["error"] == ([victim] if on_failure == "stop" else [])
    whole = {heap["cnt"]: heap for heap in outcome.heaps if "heap" in heap}
    incomplete = {heap["cnt"]: heap for heap in outcome.heaps if "ranges" in heap}
    assert sorted(whole) == [1, 2, 3]
    assert all(heap["wrong"] == [] for heap in whole.values())
    assert sorted(incomplete) == [4, 5, 6]
    first, last = mpi.share_of_axis(collective.ROWS, victim, 4)
    rows = (last - first) * collective.COLUMNS
    for cnt, heap in incomplete.items():
        # Gaps: the victim's rows, in one piece, and its columns of the other item.
        ends = [0, *(end for _, end in heap["ranges"])]
        starts = [*(start for start, _ in heap["ranges"]), heap["length"]]
        gaps = [b - a for a, b in zip(ends, starts) if b != a]
        assert len(gaps) == 1 + collective.WIDE[0]
        if cnt == dies_in + 1:
            assert 0 < max(gaps) < rows  # some of it was sent
        else:
            assert max(gaps) == rows


@pytest.mark.parametrize("ours", RECEIVERS)
@pytest.mark.parametrize("on_failure", ["stop", "go on"])
def test_when_the_rank_with_the_pointers_is_killed_the_others_end_the_stream(
    run_ranks: Callable[..., Any], on_failure: str, ours: bool
) -> None:
    outcome = run_ranks(
        3, "--enable-recovery", ours=ours, kind="die", pointers="every", victim=0, dies_in=2,
        heaps=5, packet_size=1472, timeout=3.0, on_failure=on_failure,
    )  # fmt: skip
    assert sorted(outcome.ranks) == [1, 2]
    for result in outcome.ranks.values():
        assert result["gone"] == [0]
        assert result["error"] == ([0] if on_failure == "stop" else [])
    # That the receiver has come to its end says that another rank has sent it.
    whole = {heap["cnt"]: heap for heap in outcome.heaps if "heap" in heap}
    incomplete = {heap["cnt"]: heap for heap in outcome.heaps if "ranges" in heap}
    assert sorted(whole) == [1, 2]
    assert all(heap["wrong"] == [] for heap in whole.values())
    assert sorted(incomplete) == [3, 4, 5]
    rows = mpi.share_of_axis(collective.ROWS, 0, 3)[1] * collective.COLUMNS
    for cnt in (4, 5):
        held = sum(end - start for start, end in incomplete[cnt]["ranges"])
        assert rows <= incomplete[cnt]["length"] - held < 2 * rows
