# SPDX-License-Identifier: Apache-2.0
"""Runs the tests that reach a change, the quickest first, until one of them fails."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from .schemata import SIZE
from .scratch import Scratch

#: How many bytes a test may take.
MEMORY = 4 << 30


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A test, and what became of it."""

    name: str
    seconds: float
    passed: bool
    reached: frozenset[int]  #: numbers of changes

    @property
    def file(self) -> str:
        """Where it is."""
        return self.name.partition("::")[0]

    def to_list(self) -> list[object]:
        """Return what is kept of it."""
        return [self.name, self.seconds, self.passed, sorted(self.reached)]

    @classmethod
    def from_list(cls, values: list[Any]) -> Outcome:
        """Return what to_list() made a list of."""
        name, seconds, passed, reached = values
        return cls(name, seconds, passed, frozenset(reached))


class Place(Protocol):
    """Where tests are run; see Scratch."""

    tree: Path
    python: Path

    def start(
        self, command: list[str], variables: dict[str, str], descriptors: tuple[int, ...]
    ) -> subprocess.Popen[bytes]:
        """Start a command in the tree that gets descriptors."""


class CannotRunError(Exception):
    """pytest ends before it has collected the tests."""


class Server:
    """A pytest that has imported and collected, and runs tests in children of its own.

    Parameters
    ----------
    files, marks
        Which tests it knows; `marks` as in pytest's option -m.
    variables
        Of the environment.
    folder
        For its temporary files.
    """

    def __init__(
        self,
        place: Place,
        files: list[str],
        marks: str,
        variables: dict[str, str],
        folder: Path,
    ) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        requests, self._to = os.pipe()
        from_, answers = os.pipe()
        command = [*("-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", "--capture=no")]
        command += ["-p", "reach", "--timeout=15", f"--basetemp={folder}", "-m", marks, *files]
        self._process = place.start(
            [str(place.python), *command],
            {
                **variables,
                "PYTHONPATH": str(place.tree / "tests"),
                "SPEAD2_REACH": f"{requests},{answers}",
            },
            (requests, answers),
        )
        os.close(requests)
        os.close(answers)
        self._answers = os.fdopen(from_)
        first = self._answers.readline()
        if not first:
            self.close()
            raise CannotRunError
        self.at_import: list[int]  #: numbers of changes
        self.names: list[str]  #: of all tests
        self.at_import, self.names = json.loads(first)

    def run(self, tests: list[Outcome], number: int | None, on: bool = False) -> list[Outcome]:
        """Run tests with a change in force; end after the first that fails, or go on."""
        outcomes: list[Outcome] = []
        request = {
            "variables": {"SPEAD2_MUTANT": str(-1 if number is None else number)},
            "tests": [(test.name, 20 + 5 * test.seconds) for test in tests],
            "on": on,
        }
        os.write(self._to, json.dumps(request).encode() + b"\n")
        for line in self._answers:
            outcome = json.loads(line)
            if outcome is None:
                return outcomes
            outcomes.append(Outcome.from_list(outcome))
        raise CannotRunError

    def run_all(self, names: list[str]) -> list[Outcome]:
        """Run tests without a change, also those behind one that ends the process."""
        left = [Outcome(name, 0, True, frozenset()) for name in names]
        outcomes: list[Outcome] = []
        while left:
            done = self.run(left, None, on=True)
            outcomes += done
            left = left[len(done) :]
        return outcomes

    def close(self) -> None:
        """End it."""
        os.close(self._to)
        self._answers.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()


class Trials:
    """The tests of a scratch tree whose sources have many changes, of which none is in force.

    Parameters
    ----------
    files
        Those that can be asked for.
    kept
        Where it is noted what tests reach, which takes a while to find out.
    limit
        Seconds of tests for each change.
    longest
        Tests that take more seconds are left out.
    marks
        Which tests, as in pytest's option -m.
    jobs
        How many processes run tests.
    """

    def __init__(
        self,
        scratch: Scratch,
        files: list[str],
        kept: Path,
        limit: float,
        longest: float,
        marks: str,
        jobs: int,
    ) -> None:
        self._scratch = scratch
        self._files = files
        self._kept = kept
        self._limit = limit
        self._longest = longest
        self._marks = marks
        self._jobs = jobs
        self._tests: dict[str, Outcome] = {}
        self._at_import: frozenset[int] = frozenset()
        self._servers: queue.SimpleQueue[Server] = queue.SimpleQueue()
        self._numbers = iter(range(1 << 30))
        self._lock = threading.Lock()

    def _server(self, files: list[str], variables: dict[str, str]) -> Server:
        with self._lock:
            folder = self._kept.parent / "temporary" / f"{os.getpid()}-{next(self._numbers)}"
        folder.parent.mkdir(exist_ok=True)
        # Some changes take all memory that there is. The sanitizers reserve much and use little.
        if self._marks == "not cxx":
            variables = {**variables, "SPEAD2_REACH_MEMORY": str(MEMORY)}
        else:
            variables = {**variables, "ASAN_OPTIONS": f"hard_rss_limit_mb={MEMORY >> 20}"}
        return Server(self._scratch, files, self._marks, variables, folder)

    def _note(self, at_import: list[int], tests: list[Outcome]) -> None:
        self._at_import |= frozenset(at_import)
        self._tests.update({test.name: test for test in tests})

    def _known(self) -> set[str]:
        """Read what is kept, and return of which files."""
        known = set()
        if self._kept.exists():
            for line in self._kept.read_text().splitlines():
                file, at_import, tests = json.loads(line)
                self._note(at_import, [Outcome.from_list(test) for test in tests])
                known.add(file)
        return known

    def record(self) -> None:
        """Run all tests once and note what they reach, those of a file unless that is known."""
        files: queue.SimpleQueue[str] = queue.SimpleQueue()
        known = self._known()
        for file in self._files:
            if file not in known:
                files.put(file)
        if files.empty():
            return

        def work(number: int) -> None:
            reached = self._kept.with_suffix(f".map{number}")
            reached.write_bytes(bytes(SIZE))
            server = self._server(self._files, {"SPEAD2_MUTANTS_REACHED": str(reached)})
            with contextlib.closing(server), contextlib.suppress(queue.Empty):
                while True:
                    file = files.get_nowait()
                    of_file = [name for name in server.names if name.partition("::")[0] == file]
                    # Another build, which takes longer than all else.
                    of_file = [name for name in of_file if not re.search(r"\[.*thread\b", name)]
                    tests = server.run_all(of_file)
                    with self._lock, self._kept.open("a") as out:
                        self._note(server.at_import, tests)
                        lists = [test.to_list() for test in tests]
                        out.write(json.dumps([file, server.at_import, lists]) + "\n")
                        print(f"{sum(test.seconds for test in tests):6.1f} s {file}", flush=True)
                        for test in tests:
                            if not test.passed:
                                print(f"   failed {test.seconds:6.1f} s {test.name}", flush=True)
            reached.unlink()

        with ThreadPoolExecutor(self._jobs) as pool:
            list(pool.map(work, range(self._jobs)))

    def of(self, number: int | None, files: list[str]) -> list[Outcome]:
        """Return the tests of files that reach a change (None: all), the quickest first."""
        fitting = [
            test
            for test in sorted(self._tests.values(), key=lambda test: test.seconds)
            if test.passed
            and test.file in files
            and (number is None or number in self._at_import or number in test.reached)
            and test.seconds <= self._longest
        ]
        total = 0.0
        for i, test in enumerate(fitting):
            total += test.seconds
            if total > self._limit:
                return fitting[:i]
        return fitting

    def judge(self, number: int | None, tests: list[Outcome]) -> tuple[str, str]:
        """Return the verdict of the tests on a change, and which of them gave it."""
        if not tests:
            return "unnoticed", ""
        try:
            if number is not None and number not in self._at_import:
                with self._borrowed() as server:
                    return self._verdict(server, number, tests)
            files = list(dict.fromkeys(test.file for test in tests))
            variables = {} if number is None else {"SPEAD2_MUTANT": str(number)}
            with contextlib.closing(self._server(files, variables)) as server:
                return self._verdict(server, number, tests)
        except CannotRunError:
            return "noticed", "pytest cannot run"

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[Server]:
        """Give a server for changes that nothing reaches at import."""
        try:
            server = self._servers.get_nowait()
        except queue.Empty:
            server = self._server(self._files, {})
        yield server  # lost if an exception comes
        self._servers.put(server)

    def _verdict(self, server: Server, number: int | None, tests: list[Outcome]) -> tuple[str, str]:
        """Believe a test that fails twice with a change and then passes without it."""
        unsure = ""
        left = [test for test in tests if test.name in server.names]
        while left:
            outcomes = server.run(left, number)
            left = left[len(outcomes) :]
            if outcomes[-1].passed:
                continue
            last = outcomes[-1:]
            if server.run(last, number)[0].passed:
                unsure = last[0].name
            elif number is None or number in self._at_import or server.run(last, None)[0].passed:
                return "noticed", last[0].name
        return ("unsure", unsure) if unsure else ("unnoticed", "")

    def close(self) -> None:
        """End all processes."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._servers.get_nowait().close()
