# SPDX-License-Identifier: Apache-2.0
"""Ranks of MPI on hosts of their own send heaps together, and a receiver puts them together."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any

import collective
import pytest
from software_device import build_software_device

import spead2.send.mpi as mpi

PACKAGES = ["reference", "ours"]
KINDS = ["blocking", "asyncio"]
WAYS = [("first", False), ("every", False), ("first", True)]  # pointers, ibverbs
HEAPS = 12


def whole_case(kind: str, pointers: str, ibverbs: bool, package: str) -> dict[str, Any]:
    """What a launch is told to send."""
    case = {"kind": kind, "pointers": pointers, "ibverbs": ibverbs, "to": package}
    return {**case, "heaps": HEAPS, "packet_size": 1472, "rate": 0.0}


#: Of four ranks, beside those of any number.
PACED = {"kind": "blocking", "pointers": "first", "to": "ours"}
PACED = {**PACED, "heaps": 3, "packet_size": 8972, "rate": 5e6}
INDEPENDENT = {"kind": "independent", "to": "reference", "heaps": 5, "packet_size": 1472}


@pytest.fixture(scope="module")
def outcome_of(run_ranks: Callable[..., Any]) -> Callable[..., Any]:
    """Give the outcome of a case; all that are run with a number of ranks are one launch."""
    done: dict[int, list[tuple[dict[str, Any], Any]]] = {}

    def get(ranks: int, case: dict[str, Any]) -> Any:
        if ranks not in done:
            cases = [
                whole_case(kind, *way, package)
                for package in PACKAGES
                for kind in KINDS
                for way in WAYS
                if not way[1] or software_device_is_there()
            ]
            cases += [PACED, INDEPENDENT] if ranks == 4 else []
            done[ranks] = []  # where the launch fails, it is not tried again
            done[ranks] = list(zip(cases, run_ranks(ranks, cases)))
        return next(outcome for known, outcome in done[ranks] if known == case)

    return get


def software_device_is_there() -> bool:
    try:
        build_software_device()
    except pytest.skip.Exception:
        return False
    return True


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("ranks", [2, 4, 8])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("pointers", "ibverbs"), WAYS, ids=["udp-first", "udp-every", "ibverbs-first"]
)
def test_all_heaps_arrive_whole(
    outcome_of: Callable[..., Any],
    ranks: int,
    kind: str,
    pointers: str,
    ibverbs: bool,
    package: str,
) -> None:
    if ibverbs:
        build_software_device()  # or skip
    outcome = outcome_of(ranks, whole_case(kind, pointers, ibverbs, package))
    # The heap that starts the stream has cnt 1, and no items for the receiver to tell.
    heaps = [heap for heap in outcome.heaps[package] if heap["cnt"] != 1 or "heap" in heap]
    assert {heap["cnt"]: heap.get("heap") for heap in heaps} == {i + 2: i for i in range(HEAPS)}
    assert all(heap["wrong"] == [] for heap in heaps)
    assert sorted(outcome.ranks) == list(range(ranks))
    assert all(result["sent"] > 0 for result in outcome.ranks.values())


def test_all_start_at_one_time_and_keep_the_rate_together(outcome_of: Callable[..., Any]) -> None:
    outcome = outcome_of(4, PACED)
    assert len({result["agreed"] for result in outcome.ranks.values()}) == 1
    for rank, result in outcome.ranks.items():
        assert result["late"] >= rank * 1e-4
    assert [heap["wrong"] for heap in outcome.heaps["ours"] if "heap" in heap] == [[]] * 3


def test_independent_heaps_share_the_cnts(outcome_of: Callable[..., Any]) -> None:
    heaps = outcome_of(4, INDEPENDENT).heaps["reference"]
    assert {heap["cnt"]: heap["heap"] for heap in heaps} == {i: i for i in range(20)}
    assert all(heap["wrong"] == [] for heap in heaps)


def kill(ranks: int, victim: int, on_failure: str, **case: Any) -> tuple[int, dict[str, Any]]:
    """What a launch is told in which a rank is killed; both packages receive."""
    how = {"kind": "die", "to": "both", "packet_size": 1472, "timeout": 3.0}
    return ranks, {**how, "victim": victim, "on_failure": on_failure, **case}


KILLS = {
    (victim, on_failure): launch
    for on_failure in ("stop", "go on")
    for victim, launch in [
        (2, kill(4, 2, on_failure, pointers="first", dies_in=3, heaps=6)),
        (0, kill(3, 0, on_failure, pointers="every", dies_in=2, heaps=5)),
    ]
}


@pytest.fixture(scope="module")
def outcomes_of_kills(run_ranks: Callable[..., Any]) -> dict[Any, Any]:
    """The outcomes where a rank is killed. They mostly wait, so all are launched together."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        launched = {
            key: pool.submit(run_ranks, ranks, [case], "--enable-recovery")
            for key, (ranks, case) in KILLS.items()
        }
        return {key: future.result()[0] for key, future in launched.items()}


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("on_failure", ["stop", "go on"])
def test_heaps_of_a_killed_rank_lack_its_part_alone(
    outcomes_of_kills: dict[Any, Any], on_failure: str, package: str
) -> None:
    victim, dies_in = 2, 3
    outcome = outcomes_of_kills[victim, on_failure]
    assert sorted(outcome.ranks) == [0, 1, 3]
    for result in outcome.ranks.values():
        assert result["gone"] == [victim]
        assert result["error"] == ([victim] if on_failure == "stop" else [])
    whole = {heap["cnt"]: heap for heap in outcome.heaps[package] if "heap" in heap}
    incomplete = {heap["cnt"]: heap for heap in outcome.heaps[package] if "ranges" in heap}
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


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("on_failure", ["stop", "go on"])
def test_when_the_rank_with_the_pointers_is_killed_the_others_end_the_stream(
    outcomes_of_kills: dict[Any, Any], on_failure: str, package: str
) -> None:
    outcome = outcomes_of_kills[0, on_failure]
    assert sorted(outcome.ranks) == [1, 2]
    for result in outcome.ranks.values():
        assert result["gone"] == [0]
        assert result["error"] == ([0] if on_failure == "stop" else [])
    # That the receiver has come to its end says that another rank has sent it.
    whole = {heap["cnt"]: heap for heap in outcome.heaps[package] if "heap" in heap}
    incomplete = {heap["cnt"]: heap for heap in outcome.heaps[package] if "ranges" in heap}
    assert sorted(whole) == [1, 2]
    assert all(heap["wrong"] == [] for heap in whole.values())
    assert sorted(incomplete) == [3, 4, 5]
    rows = mpi.share_of_axis(collective.ROWS, 0, 3)[1] * collective.COLUMNS
    for cnt in (4, 5):
        held = sum(end - start for start, end in incomplete[cnt]["ranges"])
        assert rows <= incomplete[cnt]["length"] - held < 2 * rows
