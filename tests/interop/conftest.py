# SPDX-License-Identifier: Apache-2.0
"""The reference package, in a process of its own."""

from __future__ import annotations

import pathlib
import pickle
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-reference" / "bin" / "python"


class RefusedError(Exception):
    """Something that the reference package refused; the text begins with the type."""


class Reference:
    """Calls the functions of reference_process.py.

    `call` waits for the answer; `start` does not, and then `finish` does.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [PYTHON, pathlib.Path(__file__).with_name("reference_process.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def start(self, function: str, *arguments: Any) -> None:
        """Send a request."""
        assert self._process.stdin is not None
        pickle.dump((function, arguments), self._process.stdin, protocol=4)
        self._process.stdin.flush()

    def finish(self) -> Any:
        """Wait for the answer."""
        assert self._process.stdout is not None
        good, result = pickle.load(self._process.stdout)
        if not good:
            raise RefusedError(result)
        return result

    def call(self, function: str, *arguments: Any) -> Any:
        """Send a request and wait for the answer."""
        self.start(function, *arguments)
        return self.finish()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture(scope="session")
def reference() -> Iterator[Reference]:
    """The reference package for what is answered at once."""
    process = Reference()
    yield process
    process.close()


@pytest.fixture
def new_reference() -> Iterator[Callable[[], Reference]]:
    """Make processes with the reference package, in the network of the calling thread."""
    made: list[Reference] = []

    def make() -> Reference:
        made.append(Reference())
        return made[-1]

    yield make
    for process in made:
        process.close()


@pytest.fixture
def receiver() -> Iterator[Reference]:
    """The reference package for one test, which may leave it in any state."""
    process = Reference()
    yield process
    process.close()


@pytest.fixture(scope="module")
def receiver_pool() -> Iterator[Reference]:
    """The reference package for the receiving tests of a module."""
    process = Reference()
    yield process
    process.close()
