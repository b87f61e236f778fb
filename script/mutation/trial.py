# SPDX-License-Identifier: Apache-2.0
"""Runs the tests that reach a change, the quickest first, until one of them fails twice."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import tempfile
from pathlib import Path

from .schemata import SIZE
from .scratch import Scratch

_FAILED = re.compile(r"(?m)^(?:FAILED|ERROR) (\S+?(?:\[.*?\])?)(?: - .*)?$")
_UNSURE = re.compile(r"(?m)^UNSURE (.*)$")


@dataclasses.dataclass(frozen=True)
class Test:
    """A test, as it was when nothing was changed."""

    name: str
    seconds: float
    reached: frozenset[int]  #: numbers of changes


class Trials:
    """The tests of a scratch tree whose sources have many changes, of which none is in force.

    Parameters
    ----------
    kept
        Where it is noted what tests reach, which takes a while to find out.
    limit
        Seconds of tests for each change.
    longest
        Tests that take more seconds are left out.
    marks
        Which tests, as in pytest's option -m.
    """

    def __init__(
        self, scratch: Scratch, kept: Path, limit: float, longest: float, marks: str
    ) -> None:
        self._scratch = scratch
        self._kept = kept
        self._limit = limit
        self._longest = longest
        self._marks = marks
        self._tests: list[Test] = []

    def record(self, files: list[str]) -> None:
        """Run all tests of these files and note what they reach, unless that is known."""
        if not self._kept.exists():
            reached = self._kept.with_suffix(".map")
            reached.write_bytes(bytes(SIZE))
            fresh = self._kept.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            variables = {"SPEAD2_MUTANTS_REACHED": str(reached), "SPEAD2_REACH_RECORD": str(fresh)}
            _, output = self._pytest(variables, files, 7200)
            if not fresh.exists():
                raise SystemExit(f"mutate: pytest cannot run:\n{output}")
            print("\n".join(line for line in output.splitlines() if line.startswith("FAILED")))
            fresh.replace(self._kept)
        for line in self._kept.read_text().splitlines():
            name, seconds, passed, numbers = json.loads(line)
            if passed:
                self._tests.append(Test(name, seconds, frozenset(numbers)))

    def of(self, number: int | None, files: list[str]) -> list[Test]:
        """Return the tests of files that reach a change (None: all), the quickest first."""
        fitting = [
            test
            for test in sorted(self._tests, key=lambda test: test.seconds)
            if test.name.partition("::")[0] in files
            and (number is None or number in test.reached)
            and test.seconds <= self._longest
        ]
        total = 0.0
        for i, test in enumerate(fitting):
            total += test.seconds
            if total > self._limit:
                return fitting[:i]
        return fitting

    def judge(self, number: int | None, tests: list[Test]) -> tuple[str, str]:
        """Return the verdict of the tests on a change, and which of them gave it."""
        variables = {} if number is None else {"SPEAD2_MUTANT": str(number)}
        if not tests:
            return "unnoticed", ""
        for _ in range(2):  # what ends without a word must do so twice
            status, output = self._run(variables, tests)
            failed = _FAILED.search(output)
            if status in {0, 5} or failed is not None:
                break
        if failed is not None:
            return "noticed", failed[1]
        if status not in {0, 5}:
            return "noticed", "the time was up" if status == 124 else f"pytest ended with {status}"
        unsure = _UNSURE.search(output)
        return ("unsure", unsure[1]) if unsure is not None else ("unnoticed", "")

    def _run(self, variables: dict[str, str], tests: list[Test]) -> tuple[int, str]:
        seconds = 130 + 10 * sum(test.seconds for test in tests)
        files = list(dict.fromkeys(test.name.partition("::")[0] for test in tests))
        with tempfile.NamedTemporaryFile("w") as only:
            only.write("\n".join(test.name for test in tests))
            only.flush()
            return self._pytest({**variables, "SPEAD2_REACH_ONLY": only.name}, files, seconds, "-x")

    def _pytest(
        self, variables: dict[str, str], files: list[str], seconds: float, *options: str
    ) -> tuple[int, str]:
        """Run pytest; return its exit status (124 if it took too long) and what it says."""
        command = [*("-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", "--timeout=120")]
        command += ["-p", "reach", "-m", self._marks, *options, *files]
        variables = {**variables, "PYTHONPATH": str(self._scratch.tree / "tests")}
        python = self._scratch.python
        try:
            done = self._scratch.run(python, *command, seconds=seconds, variables=variables)
        except subprocess.TimeoutExpired:
            return 124, ""
        return done.returncode, done.stdout
