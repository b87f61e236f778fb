# SPDX-License-Identifier: Apache-2.0
"""Ranks in network namespaces, and receivers of both packages in another.

Starting ranks is what takes time, so one launch runs many cases, one after another.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from environment import environment
from hosts import Hosts
from software_device import build_software_device

GROUP = "239.78.0.1"
HERE = pathlib.Path(__file__).resolve().parent
PYTHONS = {
    "reference": str(HERE.parents[1] / ".venv-reference" / "bin" / "python"),
    "ours": sys.executable,
}


@dataclasses.dataclass
class Outcome:
    """What the ranks and the receivers say of a case."""

    ranks: dict[int, dict[str, Any]]
    heaps: dict[str, list[dict[str, Any]]]


class Receiver:
    """A process of either package that receives in a namespace, a stream a case."""

    def __init__(self, package: str, hosts: Hosts, streams: list[dict[str, Any]]) -> None:
        command = ["ip", "netns", "exec", hosts.receiver, PYTHONS[package]]
        command += [str(HERE / "receiver.py"), hosts.receiver_address, json.dumps(streams)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.ports: list[int] = json.loads(self._process.stdout.readline())

    def heaps(self) -> list[list[dict[str, Any]]]:
        """Wait until all streams have ended."""
        assert self._process.stdout is not None
        found: list[list[dict[str, Any]]] = json.loads(self._process.stdout.read())
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def launch(
    folder: pathlib.Path, ranks: int, cases: Sequence[dict[str, Any]], *options: str
) -> list[Outcome]:
    """Run cases with so many ranks.

    A case has `kind` and what that needs; `to` is the package that receives, or "both", which
    takes multicast, as ibverbs does.
    """
    variables = environment()
    if any(case.get("ibverbs") for case in cases):
        variables["LD_LIBRARY_PATH"] = str(build_software_device())
    ports: dict[int, int] = {}
    receivers: dict[str, Receiver] = {}
    of_package: dict[str, list[int]] = {}
    folder.mkdir()
    with Hosts(ranks) as hosts:
        try:
            for package in PYTHONS:
                mine = [i for i, case in enumerate(cases) if case["to"] in (package, "both")]
                if not mine:
                    continue
                streams = [
                    {"group": group_of(cases[i]), "port": ports.get(i, 0), "heaps": 30}
                    for i in mine
                ]
                receivers[package] = Receiver(package, hosts, streams)
                of_package[package] = mine
                ports.update(zip(mine, receivers[package].ports))
            settings = {
                "namespaces": hosts.senders,
                "interfaces": hosts.sender_addresses,
                "cases": [
                    {**case, "address": group_of(case) or hosts.receiver_address, "port": ports[i]}
                    for i, case in enumerate(cases)
                ],
            }
            (folder / "settings.json").write_text(json.dumps(settings))
            command = ["mpirun", "--oversubscribe", "--bind-to", "none", *options, "-n", str(ranks)]
            command += [sys.executable, str(HERE / "rank.py"), str(folder / "settings.json")]
            subprocess.run(command, check="--enable-recovery" not in options, env=variables)
            found = {package: receiver.heaps() for package, receiver in receivers.items()}
        finally:
            for receiver in receivers.values():
                receiver.close()
    outcomes = [Outcome({}, {}) for _ in cases]
    for package, mine in of_package.items():
        for i, heaps in zip(mine, found[package]):
            outcomes[i].heaps[package] = heaps
    for rank in range(ranks):
        if (file := folder / f"rank-{rank}.json").exists():
            for outcome, result in zip(outcomes, json.loads(file.read_text())):
                outcome.ranks[rank] = result
    return outcomes


def group_of(case: dict[str, Any]) -> str | None:
    """Return the multicast group that a case needs."""
    return GROUP if case.get("ibverbs") or case["to"] == "both" else None


@pytest.fixture(scope="session")
def run_ranks(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Outcome]]:
    """Give :func:`launch`, in a folder of its own, or skip where there can be no ranks or hosts."""
    reason = Hosts.unavailable()
    if reason is None and shutil.which("mpirun") is None:
        reason = "there is no program mpirun (Debian package openmpi-bin)"
    if reason is not None:
        pytest.skip(reason)

    def run(ranks: int, cases: Sequence[dict[str, Any]], *options: str) -> list[Outcome]:
        return launch(tmp_path_factory.mktemp("ranks") / "run", ranks, cases, *options)

    return run
