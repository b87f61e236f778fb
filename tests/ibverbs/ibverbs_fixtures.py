# SPDX-License-Identifier: Apache-2.0
"""Makes the two namespaces, and runs senders on the software device."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from software_device import build_software_device, unavailable
from veth_network import SENDER_ADDRESS, FrameSocket, Network, UnavailableError

HERE = pathlib.Path(__file__).parent
GROUP = "239.102.17.3"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the time limit be for the tests alone: whichever is first builds the device."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(120, func_only=True))


@pytest.fixture(scope="session")
def softverbs() -> pathlib.Path:
    """Directory with the software device's libraries."""
    return build_software_device()


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """Two namespaces joined by a veth pair."""
    made = Network()
    try:
        made.__enter__()
    except UnavailableError as error:
        unavailable(f"network namespaces cannot be made here: {error}")
    try:
        yield made
    finally:
        made.__exit__(None, None, None)


@pytest.fixture
def capture(network: Network) -> Iterator[FrameSocket]:
    """Frames that arrive in the receiving namespace from now on."""
    frames = network.capture()
    yield frames
    frames.close()


@dataclasses.dataclass
class Run:
    """Outcome of one sender."""

    result: Any
    events: list[dict[str, Any]]
    log: str

    def event(self, name: str) -> dict[str, Any]:
        """Return the one event of that name in the device's log."""
        found = self.all_events(name)
        assert len(found) == 1, found
        return found[0]

    def all_events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of that name in the device's log."""
        return [event for event in self.events if event["event"] == name]


@dataclasses.dataclass
class Device:
    """Runs scenarios of ibv_sender.py, or other programs, on the software device."""

    libraries: pathlib.Path
    network: Network
    directory: pathlib.Path
    runs: int = 0

    def command(self, arguments: list[str], settings: dict[str, str], timeout: float = 60) -> Run:
        """Run a program in the sending namespace; it must succeed."""
        self.runs += 1
        log = self.directory / f"device{self.runs}.jsonl"
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("SOFTVERBS_")},
            "LD_LIBRARY_PATH": str(self.libraries),
            "SOFTVERBS_LOG": str(log),
            **settings,
        }
        done = subprocess.run(
            ["ip", "netns", "exec", self.network.sender, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        lines = log.read_text().splitlines() if log.exists() else []
        return Run(done.stdout, [json.loads(line) for line in lines], done.stderr)

    def run(
        self,
        scenario: str,
        settings: dict[str, str] | None = None,
        config: dict[str, Any] | None = None,
        ibv: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> Run:
        """Run a scenario of ibv_sender.py on a stream to GROUP unless `ibv` says otherwise."""
        everything = {
            "config": config or {},
            "ibv": {
                "endpoints": [[GROUP, 8888]],
                "interface_address": SENDER_ADDRESS,
                **(ibv or {}),
            },
            **arguments,
        }
        run = self.command(
            [sys.executable, str(HERE / "ibv_sender.py"), scenario, json.dumps(everything)],
            settings or {},
        )
        run.result = json.loads(run.result.splitlines()[-1])
        return run


@pytest.fixture
def device(softverbs: pathlib.Path, network: Network, tmp_path: pathlib.Path) -> Device:
    """The software device in the sending namespace."""
    return Device(softverbs, network, tmp_path)
