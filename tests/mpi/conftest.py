# SPDX-License-Identifier: Apache-2.0
"""Ranks in network namespaces, and a receiver in another."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from environment import environment
from hosts import Hosts
from software_device import build_software_device

GROUP = "239.78.0.1"
HERE = pathlib.Path(__file__).resolve().parent
REFERENCE = HERE.parents[1] / ".venv-reference" / "bin" / "python"


@dataclasses.dataclass
class Outcome:
    """What the ranks and the receiver say."""

    ranks: dict[int, dict[str, Any]]
    package: str
    heaps: list[dict[str, Any]]


@pytest.fixture
def run_ranks(tmp_path: pathlib.Path) -> Callable[..., Outcome]:
    """Run so many ranks with settings, and a receiver of either package until the stream ends."""
    reason = Hosts.unavailable()
    if reason is None and shutil.which("mpirun") is None:
        reason = "there is no program mpirun (Debian package openmpi-bin)"
    if reason is not None:
        pytest.skip(reason)

    def run(
        ranks: int, *options: str, ours: bool = False, ibverbs: bool = False, **settings: Any
    ) -> Outcome:
        variables = environment()
        if ibverbs:
            variables["LD_LIBRARY_PATH"] = str(build_software_device())
        python = sys.executable if ours else str(REFERENCE)
        with Hosts(ranks) as hosts:
            receiver = subprocess.Popen(
                [
                    *["ip", "netns", "exec", hosts.receiver, python, str(HERE / "receiver.py")],
                    *[str(settings["heaps"] + 10), hosts.receiver_address],
                    *([GROUP] if ibverbs else []),
                ],
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                assert receiver.stdout is not None
                port = int(receiver.stdout.readline())
                settings |= {"address": GROUP if ibverbs else hosts.receiver_address, "port": port}
                settings |= {"namespaces": hosts.senders, "interfaces": hosts.sender_addresses}
                settings |= {"ibverbs": ibverbs}
                path = tmp_path / "settings.json"
                path.write_text(json.dumps(settings))
                command = ["mpirun", "--oversubscribe", "--bind-to", "none", *options]
                command += ["-n", str(ranks), sys.executable, str(HERE / "rank.py"), str(path)]
                subprocess.run(command, check="--enable-recovery" not in options, env=variables)
                said = json.loads(receiver.stdout.read())
            finally:
                receiver.kill()
                receiver.wait()
                assert receiver.stdout is not None
                receiver.stdout.close()
        results = {
            rank: json.loads(file.read_text())
            for rank in range(ranks)
            if (file := tmp_path / f"rank-{rank}.json").exists()
        }
        return Outcome(results, said["package"], said["heaps"])

    return run
