# SPDX-License-Identifier: Apache-2.0
"""For script/mutate: pytest that imports and collects once, and runs tests whenever it is asked to.

SPEAD2_REACH names two descriptors. From the first come requests, one a line: `variables` for the
environment, `tests` with the seconds that each may take, and whether to go `on` after a failure.
Each is served by a child process, in which the engine looks again which change is in force, and
which may have SPEAD2_REACH_MEMORY bytes. To the second goes a line for each test, [name, seconds,
passed, numbers of the changes that it reached], and null when a request is done. The first line of
all has what importing reaches and all names.
"""

from __future__ import annotations

import contextlib
import gc
import json
import mmap
import os
import resource
import select
import signal
import time
from pathlib import Path

import pytest


class Map:
    """Which changes have been reached, if SPEAD2_MUTANTS_REACHED names a map of them."""

    def __init__(self) -> None:
        name = os.environ.get("SPEAD2_MUTANTS_REACHED")
        self._map: mmap.mmap | None = None
        if name is not None:
            with Path(name).open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), 0)

    def take(self) -> list[int]:
        """Return the numbers that have been reached since the last call, and forget them."""
        if self._map is None:
            return []
        numbers = [number for number, byte in enumerate(self._map[:]) if byte]
        self._map[:] = bytes(len(self._map))
        return numbers


class Server:
    """Serves requests instead of running what was collected."""

    def __init__(self, requests: int, answers: int) -> None:
        for descriptor in (requests, answers):
            os.set_inheritable(descriptor, False)
        self._requests = os.fdopen(requests)
        self._answers = os.fdopen(answers, "w")
        self._map = Map()
        self._memory = int(os.environ.pop("SPEAD2_REACH_MEMORY", resource.RLIM_INFINITY))

    def _answer(self, what: object) -> None:
        self._answers.write(json.dumps(what) + "\n")
        self._answers.flush()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve until there are no more requests; at once if importing or collecting has failed."""
        if session.testsfailed != 0:
            return True
        items = {item.nodeid: item for item in session.items}
        self._answer([self._map.take(), list(items)])
        gc.freeze()
        for line in self._requests:
            request = json.loads(line)
            os.environ.update(request["variables"])
            limits = {name: seconds for name, seconds in request["tests"] if name in items}
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reading)
                self._run(session, [items[name] for name in limits], writing, request["on"])
            os.close(writing)
            self._watch(child, reading, limits, request["on"])
            self._answer(None)
        return True

    def _watch(self, child: int, reading: int, limits: dict[str, float], on: bool) -> None:
        """Hand on what the child says; end it when it is done or a test takes too long."""
        start = time.monotonic()
        with os.fdopen(reading, "rb") as lines:
            for name, seconds in limits.items():
                in_time = select.select([lines], [], [], seconds)[0]
                line = lines.readline() if in_time else b""
                outcome = json.loads(line) if line else None
                if outcome is None:  # it hangs, or the process is gone
                    outcome = [name, time.monotonic() - start, False, self._map.take()]
                self._answer(outcome)
                start = time.monotonic()
                if line == b"" or not (outcome[2] or on):
                    break
        for kill in (os.kill, os.killpg):
            with contextlib.suppress(ProcessLookupError):
                kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    @staticmethod
    def _renew_pools(items: list[pytest.Item]) -> None:
        """Give modules that have made a thread pool one that has threads here."""
        for module in {item.getparent(pytest.Module) for item in items}:
            names = vars(module.obj) if module is not None else {}
            if type(names.get("POOL")).__name__ == "ThreadPool":
                names["POOL"] = type(names["POOL"])()

    def _run(self, session: pytest.Session, items: list[pytest.Item], out: int, on: bool) -> None:
        """Run tests in a child process, which ends here."""
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_DATA, (self._memory, self._memory))
            nowhere = os.open(os.devnull, os.O_RDWR)
            for standard in range(3):
                os.dup2(nowhere, standard)
            self._renew_pools(items)
            for item, following in zip(items, [*items[1:], None]):
                start = time.monotonic()
                failed = session.testsfailed
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                passed = session.testsfailed == failed
                seconds = round(time.monotonic() - start, 3)
                line = json.dumps([item.nodeid, seconds, passed, self._map.take()])
                os.write(out, line.encode() + b"\n")
                if not (passed or on):
                    break
            session._setupstate.teardown_exact(None)  # type: ignore[attr-defined]
        finally:
            os._exit(0)


def pytest_configure(config: pytest.Config) -> None:
    """Serve, if the environment asks for it."""
    descriptors = os.environ.pop("SPEAD2_REACH", None)
    if descriptors is not None:
        requests, answers = map(int, descriptors.split(","))
        config.pluginmanager.register(Server(requests, answers))
