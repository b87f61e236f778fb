# SPDX-License-Identifier: Apache-2.0
"""For script/mutate: which changes each test reaches and how long it takes; or only some tests.

SPEAD2_REACH_RECORD names a file that gets a line a test: [name, seconds, whether it passed, numbers
of changes]. What is reached before the first test is part of each. The map that the changed sources
write to is SPEAD2_MUTANTS_REACHED. SPEAD2_REACH_ONLY names a file with the names of the tests to
run, one a line.
"""

from __future__ import annotations

import json
import mmap
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol


class Recorder:
    """Notes what tests reach."""

    def __init__(self, record: Path, reached: Path) -> None:
        self._record = record
        self._always: set[int] = set()
        with reached.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    def _reached(self) -> set[int]:
        return {number for number, byte in enumerate(self._map[:]) if byte}

    def pytest_collection_finish(self) -> None:
        """Note what is reached by importing."""
        self._always = self._reached()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Write the line of a test."""
        self._map[:] = bytes(len(self._map))
        start = time.monotonic()
        failed = item.session.testsfailed
        result = yield
        seconds = round(time.monotonic() - start, 3)
        passed = item.session.testsfailed == failed
        numbers = sorted(self._reached() | self._always)
        with self._record.open("a") as out:
            out.write(json.dumps([item.nodeid, seconds, passed, numbers]) + "\n")
        return result  # type: ignore[return-value]


class Chooser:
    """Runs only what is wanted, as it is listed. What fails must fail twice."""

    def __init__(self, wanted: list[str]) -> None:
        self._place = {name: i for i, name in enumerate(wanted)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave the others out."""
        chosen = [item for item in items if item.nodeid in self._place]
        items[:] = sorted(chosen, key=lambda item: self._place[item.nodeid])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run a test, and again if it failed."""
        where = {"nodeid": item.nodeid, "location": item.location}
        item.ihook.pytest_runtest_logstart(**where)
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if any(report.failed for report in reports):
            item._initrequest()  # type: ignore[attr-defined]
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
            if not any(report.failed for report in reports):
                item.config.get_terminal_writer().line(f"\nUNSURE {item.nodeid}")
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(**where)
        return True


def pytest_configure(config: pytest.Config) -> None:
    """Do what the environment asks for."""
    record, only = (os.environ.get(f"SPEAD2_REACH_{name}") for name in ("RECORD", "ONLY"))
    if record:
        reached = os.environ["SPEAD2_MUTANTS_REACHED"]
        config.pluginmanager.register(Recorder(Path(record), Path(reached)))
    if only:
        config.pluginmanager.register(Chooser(Path(only).read_text().splitlines()))
